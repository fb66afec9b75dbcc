// How long something lives that has to be undone.
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
