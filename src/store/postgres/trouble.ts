// What goes wrong with a database, and what an operator can do about it. No message shows the URL: it may hold a password.
import { StoreError } from '../../domain/ports/store.ts';

/** PostgreSQL 14 is the oldest that its makers still keep. */
export const OLDEST = { number: 140_000, name: '14' };

interface DatabaseError extends Error {
  code?: string;
  severity?: string;
}

export const codeOf = (error: unknown): string => (error as DatabaseError | undefined)?.code ?? '';

/** Whether the connection is of no more use, or the server goes: nothing is known of what was under way. */
export function isLost(error: unknown): boolean {
  const { severity } = error as DatabaseError;
  // Whatever is no error of a statement is one of the connection.
  return (
    severity === undefined || severity === 'FATAL' || severity === 'PANIC' || /^(08|57P)/.test(codeOf(error))
  );
}

/** Whether a statement fails only because one before it has, in the same transaction. */
export const isAborted = (error: unknown): boolean => codeOf(error) === '25P02';

/** Whether a transaction that was undone can be carried out again as it is: deadlock, serialisation, lock timeout. */
export const isPassing = (error: unknown): boolean =>
  ['40P01', '40001', '55P03'].includes(codeOf(error)) || isOfPooler(error);

/** Whether a statement that was prepared is not there, or there already: a pooler gives a connection to several. */
export const isOfPooler = (error: unknown): boolean => ['26000', '42P05'].includes(codeOf(error));

/** Whether one group is to blame for it, not the database: what it holds cannot be stored. */
export const isOfData = (error: unknown): boolean => /^(22|23|54)/.test(codeOf(error));

const REASONS: Readonly<Record<string, (where: string) => string>> = {
  ECONNREFUSED: (where) =>
    `nothing listens at ${where}. Check the host and the port, and that PostgreSQL runs`,
  ENOTFOUND: (where) => `there is no host of the name in ${where}`,
  EAI_AGAIN: (where) => `the name of the host ${where} cannot be looked up now`,
  ENOENT: (where) => `there is no socket ${where}`,
  EACCES: (where) => `execd may not open the socket ${where}`,
  ETIMEDOUT: (where) => `${where} does not respond`,
  '28P01': () => 'PostgreSQL rejects the password of the user. Check EXECUTION_DATABASE_URL',
  28000: () =>
    'PostgreSQL rejects this user from this address. Check the user in EXECUTION_DATABASE_URL, and pg_hba.conf',
  '3D000': () => 'there is no database of this name. Create it, or correct EXECUTION_DATABASE_URL',
  42501: () =>
    'the user has too few rights. It must own the schema "execd", or be allowed to create it: GRANT CREATE ON DATABASE … TO …',
  53300: () =>
    'PostgreSQL has no connection left. Raise max_connections, or lower EXECUTION_DATABASE_CONNECTIONS',
  53100: () => 'the disk of PostgreSQL is full. Make room',
  '57P03': () => 'PostgreSQL starts, or stops',
  25006: () => 'PostgreSQL is read-only. Connect to the primary server',
};

/** A failure of the database as a sentence about what execd could not do. */
export function storeError(what: string, error: unknown, where = 'PostgreSQL'): StoreError {
  if (error instanceof StoreError) return error;
  const { code = '', message } = error as DatabaseError;
  const reason = REASONS[code]?.(where) ?? message.replaceAll(/postgres(ql)?:\/\/\S+/g, 'the database');
  return new StoreError(`${what}: ${reason}`, { cause: error });
}
