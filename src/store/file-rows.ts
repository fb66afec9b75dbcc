// How owned files lie in a table. Shared by the stores.
import type { FileRole, OwnedFile } from '../domain/ports/files.ts';

export interface FileRow {
  owner_id: string;
  role: FileRole;
  path: string;
  user_id: string;
  digest: string;
  size: number;
  mode: number;
  created_at: number;
  expires_at: number | null;
  expected: string | null;
}

export function toFile(row: FileRow): OwnedFile {
  const { role, path, digest, size, mode, expected } = row;
  const { owner_id: ownerId, user_id: userId, created_at: createdAt, expires_at: expiresAt } = row;
  return { ownerId, role, path, userId, digest, size, mode, createdAt, expiresAt, expected };
}
