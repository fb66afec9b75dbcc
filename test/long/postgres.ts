// The tests of the HTTP interface with the store in PostgreSQL, and its bad days: `npm run test:postgres [FILE…]`. The test
// files are those of `npm test`; only the store of each server is another one.
import { execa } from 'execa';
import { startCluster } from '../helpers/postgres.ts';
import { CLUSTER_VARIABLE } from '../helpers/store-of.ts';

/** Each server has a few connections, and several test files run beside each other. */
const SETTINGS = ['max_connections=500', 'shared_buffers=64MB'];
const BOUND_MIN = 25;

const chosen = process.argv.slice(2);
const undo: (() => unknown)[] = [];
const cluster = await startCluster({ teardown: (one) => void undo.unshift(one) }, SETTINGS);
try {
  if (chosen.length > 0) await run(chosen, true);
  else {
    await run(['test/http'], true);
    // These have databases of their own, and embedded stores beside them.
    await run(['test/postgres'], false);
  }
} finally {
  for (const one of undo) await one();
}

async function run(files: readonly string[], isOnPostgres: boolean): Promise<void> {
  const { exitCode, timedOut } = await execa('node', ['test/run.ts', ...files], {
    ...{ stdio: 'inherit', reject: false, timeout: BOUND_MIN * 60_000 },
    ...{ killSignal: 'SIGKILL', killDescendants: true },
    env: isOnPostgres ? { [CLUSTER_VARIABLE]: cluster.url('postgres') } : {},
  });
  if (timedOut) console.error(`took longer than ${BOUND_MIN} min`);
  if (exitCode !== 0) process.exitCode = exitCode ?? 1;
}
