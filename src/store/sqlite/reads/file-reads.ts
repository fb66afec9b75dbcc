// Reads of files and their blobs.
import type { FileRole, FileUse, OwnedFile } from '../../../domain/ports/files.ts';
import { type FileRow, toFile } from '../../file-rows.ts';

type All = (text: string, ...values: (string | number)[]) => unknown[];

export class FileReader {
  readonly #all: All;

  constructor(all: All) {
    this.#all = all;
  }

  files(ownerId: string, role: FileRole): OwnedFile[] {
    return this.#files('owner_id = ? AND role = ? ORDER BY path', ownerId, role);
  }

  file(ownerId: string, role: FileRole, path: string): OwnedFile | null {
    return this.#files('owner_id = ? AND role = ? AND path = ?', ownerId, role, path)[0] ?? null;
  }

  use(userId: string): { own: FileUse; all: FileUse } {
    const text = 'SELECT user_id, bytes, files FROM file_use WHERE user_id IN (?, ?)';
    const rows = this.#all(text, userId, '') as (FileUse & { user_id: string })[];
    const of = (name: string): FileUse => {
      const { bytes = 0, files = 0 } = rows.find(({ user_id }) => user_id === name) ?? {};
      return { bytes, files };
    };
    return { own: of(userId), all: of('') };
  }

  unused(limit: number): string[] {
    return this.#digests('SELECT digest FROM blobs WHERE refs = 0 LIMIT ? + 0', limit);
  }

  known(): string[] {
    return this.#digests('SELECT digest FROM blobs');
  }

  uploads(
    { userId, expiredAt }: { userId: string | null; expiredAt: number | null },
    limit: number,
  ): OwnedFile[] {
    return this.#files(
      `role = 'upload' AND (? = '' OR user_id = ?) AND expires_at < ? + 0 ORDER BY owner_id LIMIT ? + 0`,
      ...[userId ?? '', userId ?? '', expiredAt ?? Number.MAX_SAFE_INTEGER, limit],
    );
  }

  #digests(text: string, ...values: number[]): string[] {
    return (this.#all(text, ...values) as { digest: string }[]).map(({ digest }) => digest);
  }

  #files(where: string, ...values: (string | number)[]): OwnedFile[] {
    return (this.#all(`SELECT * FROM files WHERE ${where}`, ...values) as FileRow[]).map(toFile);
  }
}
