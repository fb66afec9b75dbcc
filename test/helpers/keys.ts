// Keys for tests: known secrets, and keys files with them.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KeyOptions, keysText } from './key-texts.ts';
import { type Lifetime, ofFile } from './scope.ts';
import { tempDir } from './temp.ts';

export * from './key-texts.ts';

export function keysFile(t: Lifetime, keys: Record<string, KeyOptions>, mode = 0o600): string {
  const file = join(tempDir(t), 'keys.json');
  writeFileSync(file, keysText(keys));
  chmodSync(file, mode);
  return file;
}

const shared = new WeakMap<Lifetime, Map<string, string>>();

/** Settings with these keys, the same for all tests of a file: for a service that they share. */
export function sharedKeys(keys: Record<string, KeyOptions>): { EXECUTION_API_KEYS_FILE: string } {
  const file = ofFile();
  const made = shared.get(file) ?? new Map<string, string>();
  shared.set(file, made);
  const text = keysText(keys);
  const path = made.get(text) ?? keysFile(file, keys);
  made.set(text, path);
  return { EXECUTION_API_KEYS_FILE: path };
}
