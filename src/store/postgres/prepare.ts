// Brings a database to the schema of this program before a server starts on it.
import { isServed } from './entering.ts';
import { migrate } from './migrate.ts';
import { MIGRATIONS } from './schema.ts';
import { opened } from './transfer.ts';

const KNOWN = `SELECT CASE WHEN to_regclass('execd.migrations') IS NULL THEN 0 ELSE 1 END AS there`;
const STEPS = 'SELECT count(*) AS n FROM execd.migrations';

/** @throws StoreError when the database cannot be used, or servers use it that could not work with the schema of this version */
export function prepare(url: string): Promise<{ from: number; to: number }> {
  return opened(url, 'execd migrate', async (connection, close) => {
    const [known] = await connection.query<{ there: number }>(KNOWN);
    const [steps] = known?.there === 1 ? await connection.query<{ n: number }>(STEPS) : [];
    await migrate(connection, { isServed: await isServed(connection) });
    await close();
    return { from: steps?.n ?? 0, to: MIGRATIONS.length };
  });
}
