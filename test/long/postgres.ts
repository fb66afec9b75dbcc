// The tests of the HTTP interface with the store in PostgreSQL, and its bad days: `npm run test:postgres [FILE…]`. The test
// files are those of `npm test`; only the store of each server is another one.
import { execa } from 'execa';
import { startCluster } from '../helpers/postgres.ts';
import { CLUSTER_VARIABLE } from '../helpers/store-of.ts';

/** Each server has a few connections, and several test files run beside each other. */
const SETTINGS = ['max_connections=500', 'shared_buffers=64MB'];
const BOUND_MIN = 25;

const chosen = process.argv.slice(2);
const files = chosen.length > 0 ? chosen : ['test/http', 'test/postgres'];
const undo: (() => unknown)[] = [];
const cluster = await startCluster({ teardown: (one) => void undo.unshift(one) }, SETTINGS);
try {
  const { exitCode, timedOut } = await execa('node', ['test/run.ts', ...files], {
    ...{ stdio: 'inherit', reject: false, timeout: BOUND_MIN * 60_000 },
    ...{ killSignal: 'SIGKILL', killDescendants: true },
    env: { [CLUSTER_VARIABLE]: cluster.url('postgres') },
  });
  if (timedOut) console.error(`took longer than ${BOUND_MIN} min`);
  process.exitCode = exitCode ?? 1;
} finally {
  for (const one of undo) await one();
}
