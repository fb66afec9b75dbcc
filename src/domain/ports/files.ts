// Who owns which bytes: files that an execution was given, artifacts that it has left, and uploads.
export type FileRole = 'input' | 'artifact' | 'upload';

export interface OwnedFile {
  /** The execution, or the upload. */
  ownerId: string;
  role: FileRole;
  /** Empty for an upload. */
  path: string;
  userId: string;
  /** Of its blob; empty for an upload that has not all of its bytes. */
  digest: string;
  size: number;
  mode: number;
  createdAt: number;
  /** When an upload goes; null for what goes with its execution. */
  expiresAt: number | null;
  /** The digest that the bytes of an upload must have; null for any. */
  expected: string | null;
}

/**
 * Changes of files. What an execution owns is removed with it, in the same transaction. `forget`: blobs that have no owner,
 * and whose bytes are gone.
 */
export interface FilesPart {
  type: 'files';
  put: readonly OwnedFile[];
  /** Uploads that go. */
  drop: readonly string[];
  forget: readonly string[];
}

export interface FileUse {
  bytes: number;
  files: number;
}

/** Reads of files. */
export interface FileReads {
  files(ownerId: string, role: FileRole): Promise<OwnedFile[]>;
  file(ownerId: string, role: FileRole, path: string): Promise<OwnedFile | null>;
  /** Of one user, and of all together. */
  fileUse(userId: string): Promise<{ own: FileUse; all: FileUse }>;
  /** Blobs without an owner. */
  unusedBlobs(limit: number): Promise<string[]>;
  /** Blobs that are known, whether they have an owner or not. */
  knownBlobs(): Promise<string[]>;
  uploads(filter: { userId: string | null; expiredAt: number | null }, limit: number): Promise<OwnedFile[]>;
}
