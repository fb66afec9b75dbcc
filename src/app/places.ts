// Where execd keeps its files, and what it looks for there.
import { dirname, resolve } from 'node:path';
import type { Config } from '../config/load.ts';
import { makeDirectory, probeDirectory } from './directories.ts';

export interface Places {
  data: string;
  log: string;
  /** Of the commands of one start. */
  work: (epoch: number) => string;
}

export function placesOf(config: Config): Places {
  const data = resolve(config.EXECUTION_DATA_DIR);
  const log = config.EXECUTION_LOG_DIR === undefined ? `${data}/logs` : resolve(config.EXECUTION_LOG_DIR);
  return { data, log, work: (epoch) => `${data}/work/${epoch}` };
}

/** @throws ConfigError */
export function makePlaces(config: Config, { data, log }: Places): void {
  makeDirectory('EXECUTION_DATA_DIR', data, 0o700);
  makeDirectory(
    config.EXECUTION_LOG_DIR === undefined ? 'EXECUTION_DATA_DIR' : 'EXECUTION_LOG_DIR',
    log,
    0o750,
  );
}

/** Where a full disk stops work. */
export const disksOf = ({ log, work }: Places) => [
  { name: 'logs' as const, what: 'EXECUTION_LOG_DIR', probe: () => probeDirectory(log) },
  {
    name: 'work_directories' as const,
    what: 'EXECUTION_DATA_DIR/work',
    probe: () => probeDirectory(dirname(work(0))),
  },
];
