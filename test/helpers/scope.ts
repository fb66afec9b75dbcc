// Lifetimes that are longer than one test. What is made in a test is undone at its end; a server that several tests of a
// file share is undone when the file has ended.
import t from 'tap';
import { type Lifetime, Scope } from './lifetime.ts';

export type { Lifetime };

/** Null where one file is run alone: it ends with its tests. */
let file: Scope | null = null;

/** The lifetime of the test file that is being run. */
export function ofFile(): Lifetime {
  return file ?? t;
}

/** A process that runs several files ends what the one before has made, and begins the next. */
export async function nextFile(): Promise<void> {
  const before = file;
  file = new Scope();
  await before?.end();
}
