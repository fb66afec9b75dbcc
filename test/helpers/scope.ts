// Lifetimes that are longer than one test. What is made in a test is undone at its end; a server that several tests of a
// file share is undone when the file has ended.
import t from 'tap';

export interface Lifetime {
  teardown(undo: () => unknown): void;
}

/** A lifetime that ends when it is told to; what was made last is undone first. */
export class Scope implements Lifetime {
  #undo: (() => unknown)[] = [];

  teardown(undo: () => unknown): void {
    this.#undo.push(undo);
  }

  async end(): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) await undo();
  }
}

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
