// The tests of the HTTP interface with the store in PostgreSQL, and its bad days: `npm run test:postgres [PART…]`, where a part is
// how the paths of test files begin. The test files are those of `npm test`; only the store of each server is another one.
import { execa } from 'execa';
import { startCluster } from '../helpers/postgres.ts';
import { CLUSTER_VARIABLE } from '../helpers/store-of.ts';

/** Each server has a few connections, and several test files run beside each other. */
const SETTINGS = ['max_connections=500', 'shared_buffers=64MB'];
const BOUND_MIN = 25;
const OWN = 'test/postgres';
const isOwn = (part: string): boolean => part.startsWith(OWN);

const chosen = process.argv.slice(2);
const undo: (() => unknown)[] = [];
const cluster = await startCluster({ teardown: (one) => void undo.unshift(one) }, SETTINGS);
try {
  const parts = chosen.length > 0 ? chosen : ['test/http', OWN];
  // Those of `test/postgres` have databases of their own, and embedded stores beside them.
  const [own, http] = [parts.filter(isOwn), parts.filter((part) => !isOwn(part))];
  if (http.length > 0) await run(http, true);
  if (own.length > 0) await run(own, false);
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
