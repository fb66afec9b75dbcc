// What a request that comes again and again was answered with from the cache, so that the next one like it need not be
// worked out anew. It only holds for the same caller, the same kept result and the same configuration.
import type { Caller } from '../domain/access.ts';
import type { CacheEntry } from '../domain/ports.ts';
import type { Spec } from '../domain/spec.ts';
import type { Answer } from './late-accepts.ts';

interface Repeat {
  caller: Caller;
  /** The limit that was in force, where it follows what was observed, milliseconds. */
  adaptiveMs: number | null;
  entry: CacheEntry;
  answer: Answer;
}

export class Repeats {
  #bySpec = new WeakMap<Spec, Repeat>();

  find(spec: Spec, caller: Caller, adaptiveMs: number | null): Pick<Repeat, 'entry' | 'answer'> | null {
    const repeat = this.#bySpec.get(spec);
    return repeat?.caller === caller && repeat.adaptiveMs === adaptiveMs ? repeat : null;
  }

  /** @param spec that nobody changes any more */
  remember(spec: Spec, repeat: Repeat): void {
    this.#bySpec.set(spec, repeat);
  }

  /** To be called when what is configured has changed. */
  forget(): void {
    this.#bySpec = new WeakMap();
  }
}
