// How API keys lie in a table. Shared by the stores.
import type { MayRun, Scope } from '../domain/spec/access.ts';
import type { ApiKey } from '../domain/access/api-key.ts';

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

export const API_KEY_COLUMNS = [
  ...['id', 'sha256', 'user_id', 'scopes', 'may_run', 'description', 'created_at', 'created_by', 'replaces'],
  ...['expires_at', 'revoked_at', 'last_used_at'],
] as const satisfies (keyof ApiKeyRow)[];

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

export function apiKeyRow(key: ApiKey): ApiKeyRow {
  return {
    id: key.id,
    sha256: key.sha256,
    user_id: key.userId,
    scopes: JSON.stringify(key.scopes),
    may_run: JSON.stringify(key.mayRun),
    description: key.description,
    created_at: key.createdAt,
    created_by: key.createdBy,
    replaces: key.replaces,
    expires_at: key.expiresAt,
    revoked_at: key.revokedAt,
    last_used_at: key.lastUsedAt,
  };
}
