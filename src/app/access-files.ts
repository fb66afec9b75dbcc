// What stands in files about who may call: the keys file, and the public keys of an identity provider.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { KeyRing } from '../access/key-ring.ts';
import { ConfigError } from '../config/load.ts';
import { readKeysFile } from '../operator-files/keys-file.ts';
import type { LiveFile } from '../operator-files/live-files.ts';

/** The keys file, whose keys go into the ring. */
export function keysOf(path: string | null, ring: KeyRing): LiveFile {
  return {
    setting: 'EXECUTION_API_KEYS_FILE',
    path,
    refusal: 'invalid_keys_file',
    prepare() {
      const read = readKeysFile(path as string);
      if ('problems' in read) return read.problems;
      return () => ring.setFileKeys(read.keys);
    },
  };
}

const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.enum(['RSA', 'EC', 'OKP']) })).min(1) });

/**
 * Where the public keys of an identity provider are.
 *
 * @param place a URL, or a path
 * @throws ConfigError when there is no set of keys in the file
 */
export function providerKeys(place: string): URL | { keys: object[] } {
  if (/^https?:\/\//.test(place)) return new URL(place);
  try {
    return keySet.parse(JSON.parse(readFileSync(place, 'utf8')));
  } catch (error) {
    const why = error instanceof z.ZodError ? 'is not a set of public keys (JWKS)' : (error as Error).message;
    throw new ConfigError([`EXECUTION_OIDC_JWKS: ${place}: ${why}`]);
  }
}
