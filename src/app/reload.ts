// Reads the operator's files again while execd runs: all of them apply at once, or none.
import { RefusedError } from '../domain/errors.ts';
import type { Engine } from '../engine/engine.ts';
import { prepareFiles } from '../operator-files/live-files.ts';
import { hiddenPlaces } from './isolation.ts';
import type { Parts, Setting } from './parts.ts';

/** Rejects with RefusedError when a file is not usable; then nothing has changed. */
export type Reload = () => Promise<{ operations: number; circuits: number }>;

/** One after the other. */
export function reloader(setting: Setting, parts: Parts, engine: Engine): Reload {
  let reloading: Promise<unknown> = Promise.resolve();
  return () => {
    const reloaded = reloading.then(() => reloadNow(setting, parts, engine));
    reloading = reloaded.catch(() => undefined);
    return reloaded;
  };
}

async function reloadNow(
  { config, log, places }: Setting,
  { files, commands, operations, storedOperations, rules }: Parts,
  engine: Engine,
): ReturnType<Reload> {
  const apply = prepareFiles(files);
  const problem = await commands.hide(hiddenPlaces(config, places, apply.valueFiles ?? []));
  if (problem !== null) {
    const why = `execd cannot hide a path from commands in a sandbox: ${problem}. Nothing was changed.`;
    throw new RefusedError('invalid_secrets_file', why);
  }
  apply();
  await storedOperations.refresh();
  engine.forgetPolicies();
  await engine.runners.say();
  const counts = operations.counts();
  log.info({ ...counts, policy_version: rules.current.version }, 'Operations, policy and keys reloaded');
  return counts;
}
