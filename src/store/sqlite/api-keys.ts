// The table of API keys: written in the writer's transactions, and by the command that manages keys, which has a
// connection of its own. A version in `meta` grows with each change but use, so that readers see whether to read again.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { MayRun, Scope } from '../../domain/spec/access.ts';
import { type ApiKey, MAX_KEYS } from '../../domain/access/api-key.ts';
import type { ApiKeysPart } from '../../domain/ports/group.ts';

export interface ApiKeyRow {
  id: string;
  sha256: string;
  user_id: string;
  /** JSON. */
  scopes: string;
  may_run: string;
  description: string | null;
  created_at: number | null;
  created_by: string | null;
  replaces: string | null;
  expires_at: number | null;
  revoked_at: number | null;
  last_used_at: number | null;
}

const COLUMNS = [
  ...['id', 'sha256', 'user_id', 'scopes', 'may_run', 'description', 'created_at', 'created_by', 'replaces'],
  ...['expires_at', 'revoked_at', 'last_used_at'],
] as const;

export const API_KEYS_VERSION = `SELECT value FROM meta WHERE name = 'keys_version'`;
export const ALL_API_KEYS = 'SELECT * FROM api_keys ORDER BY created_at, id';

export function toApiKey(row: ApiKeyRow): ApiKey {
  return {
    id: row.id,
    sha256: row.sha256,
    userId: row.user_id,
    scopes: JSON.parse(row.scopes) as Scope[],
    mayRun: JSON.parse(row.may_run) as MayRun,
    description: row.description,
    createdAt: row.created_at,
    createdBy: row.created_by,
    replaces: row.replaces,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
  };
}

export class ApiKeysTable {
  readonly #count: StatementSync;
  readonly #has: StatementSync;
  readonly #add: StatementSync;
  readonly #end: StatementSync;
  readonly #revoke: StatementSync;
  readonly #use: StatementSync;
  readonly #version: StatementSync;

  constructor(db: DatabaseSync) {
    const holes = COLUMNS.map(() => '?').join(', ');
    this.#count = db.prepare('SELECT count(*) AS n FROM api_keys');
    this.#has = db.prepare('SELECT 1 FROM api_keys WHERE id = ?');
    this.#add = db.prepare(`INSERT INTO api_keys (${COLUMNS.join(', ')}) VALUES (${holes})`);
    this.#end = db.prepare(
      'UPDATE api_keys SET expires_at = min(coalesce(expires_at, ?1), ?1) WHERE id = ?2',
    );
    this.#revoke = db.prepare('UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL');
    this.#use = db.prepare(
      'UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?',
    );
    this.#version = db.prepare(`INSERT INTO meta (name, value) VALUES ('keys_version', '1')
      ON CONFLICT (name) DO UPDATE SET value = CAST(value + 1 AS TEXT)`);
  }

  /** Carries out a change, or says what stands against it. */
  apply({ add = [], end = [], revoke = [], used = [] }: ApiKeysPart): 'key_exists' | 'too_many_keys' | null {
    const { n } = this.#count.get() as { n: number };
    if (add.length > 0 && n + add.length > MAX_KEYS) return 'too_many_keys';
    if (add.some(({ id }) => this.#has.get(id) !== undefined)) return 'key_exists';
    for (const key of add) this.#insert(key);
    for (const { id, expiresAt } of end) this.#end.run(expiresAt, id);
    for (const { id, at } of revoke) this.#revoke.run(at, id);
    for (const { id, at } of used) this.#use.run(at, id);
    if (add.length + end.length + revoke.length > 0) this.#version.run();
    return null;
  }

  #insert(key: ApiKey): void {
    const { id, sha256, userId, scopes, mayRun, description, createdAt, createdBy, replaces } = key;
    this.#add.run(
      ...[id, sha256, userId, JSON.stringify(scopes), JSON.stringify(mayRun), description, createdAt],
      ...[createdBy, replaces, key.expiresAt, key.revokedAt, key.lastUsedAt],
    );
  }
}
