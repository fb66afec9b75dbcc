// Waiting for facts that the engines of this process tell: each time something happens in one of them (in its feed, its store, its
// runner, its clock), the fact is looked at again. What only the outside knows, such as processes and files, is `until`'s.
import { type AccountListener, type Listener } from '../../src/engine/feed/event-bus.ts';
import type { Store } from '../../src/domain/ports/store.ts';

const GIVE_UP_MS = 20_000;
const waiting = new Set<() => void>();

/** Something has happened. */
export function tell(): void {
  for (const wake of [...waiting]) wake();
}

/** Resolves as soon as it is true. */
export async function heard(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  let [hasHappened, isOver] = [false, false];
  let wake: () => void = () => undefined;
  const happened = () => {
    hasHappened = true;
    wake();
  };
  const giveUp = setTimeout(() => {
    isOver = true;
    happened();
  }, GIVE_UP_MS);
  waiting.add(happened);
  try {
    while (!(await isTrue())) {
      if (isOver) throw new Error(`it never came true: ${what}`);
      if (!hasHappened) await new Promise<void>((resolve) => (wake = resolve));
      hasHappened = false;
      // What comes of it has its turn first.
      await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    clearTimeout(giveUp);
    waiting.delete(happened);
  }
}

/** The same store, which tells of each commit, however it ends. */
export function telling(store: Store): Store {
  return new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (name === 'commit')
        return (...of: Parameters<Store['commit']>) => target.commit(...of).finally(tell);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** Tells of all that an engine hears. */
export function tellOf(engine: {
  listen(listener: Listener): unknown;
  listenToAccounts(listener: AccountListener): unknown;
  onBatch(listener: () => void): unknown;
}): void {
  engine.listen(tell);
  engine.listenToAccounts(tell);
  engine.onBatch(tell);
}
