// The store of a service of the tests: in its data directory, or, where `npm run test:postgres` has started a PostgreSQL, in a
// database for each data directory.
import { createHash } from 'node:crypto';
import pg from 'pg';
import type { Lifetime } from './scope.ts';

/** URL of the cluster: without the name of a database. */
export const CLUSTER_VARIABLE = 'TEST_POSTGRES_URL';

/** Whether the services of the tests have their stores in PostgreSQL. */
export const isOnPostgres = process.env[CLUSTER_VARIABLE] !== undefined;

/** Those whose databases have been made. */
const made = new Set<string>();

/**
 * What to add to the settings of a server; a server that is started again in its directory gets its database again.
 *
 * @param t when it ends, the database goes
 */
export async function storeOf(t: Lifetime, dataDir: string): Promise<Record<string, string>> {
  const cluster = process.env[CLUSTER_VARIABLE];
  if (cluster === undefined) return {};
  const name = `t_${createHash('sha256').update(dataDir).digest('hex').slice(0, 24)}`;
  if (!made.has(name)) {
    made.add(name);
    await run(cluster, `CREATE DATABASE ${name} TEMPLATE template0 STRATEGY file_copy`);
    t.teardown(() => run(cluster, `DROP DATABASE ${name} WITH (FORCE)`));
  }
  return { EXECUTION_DATABASE_URL: at(cluster, name), EXECUTION_DATABASE_CONNECTIONS: '2' };
}

async function run(cluster: string, sql: string): Promise<void> {
  const client = new pg.Client(at(cluster, 'postgres'));
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

function at(cluster: string, database: string): string {
  const url = new URL(cluster);
  url.pathname = `/${database}`;
  return url.href;
}
