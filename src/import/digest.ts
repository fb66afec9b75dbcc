// The digest of a table: that of its rows, in whatever order they are read.
import { createHash } from 'node:crypto';
import type { Row } from '../domain/ports/transfer.ts';

const LIMIT = 1n << 256n;

export interface Digest {
  rows: number;
  sha256: string;
}

/** Adds up the digests of rows: the same rows give the same sum, and no other rows that anybody could find. */
export class TableDigest {
  #rows = 0;
  #sum = 0n;

  add(row: Row): void {
    const names = Object.keys(row).toSorted();
    const text = JSON.stringify(names.map((name) => [name, row[name]]));
    this.#rows += 1;
    this.#sum = (this.#sum + BigInt(`0x${createHash('sha256').update(text).digest('hex')}`)) % LIMIT;
  }

  get value(): Digest {
    return { rows: this.#rows, sha256: this.#sum.toString(16).padStart(64, '0') };
  }
}

export const isSame = (one: Digest, other: Digest): boolean =>
  one.rows === other.rows && one.sha256 === other.sha256;
