// A server whose event loop is watched.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../test/helpers/processes.ts';
import { freePort, scratch, startServer, type Server } from '../test/long/support.ts';

export interface Pauses {
  p99: number;
  max: number;
}

/** A server that tells how long its event loop has stood still, milliseconds, since it was last asked. */
export async function watched(
  env: Record<string, string> = {},
): Promise<{ server: Server; pauses: () => Promise<Pauses> }> {
  const dir = scratch();
  const file = join(dir, 'pauses');
  const server = await startServer(
    {
      EXECUTION_DATA_DIR: join(dir, 'data'),
      EXECUTION_PORT: await freePort(),
      BENCH_PAUSES: file,
      ...env,
    },
    ['--import', new URL('./pauses.ts', import.meta.url).href],
  );
  const pauses = async () => {
    rmSync(file, { force: true });
    process.kill(server.pid, 'SIGUSR2');
    await until('the pauses are told', () => existsSync(file));
    return JSON.parse(readFileSync(file, 'utf8')) as Pauses;
  };
  return { server, pauses };
}

export const told = ({ p99, max }: Pauses) =>
  `event-loop delay p99 ${p99.toFixed(0)} ms, longest ${max.toFixed(0)} ms`;
