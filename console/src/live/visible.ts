// Whether anybody looks. A browser has six connections to a server for all of its tabs together: a tab that nobody sees holds
// none open.
const HIDDEN_MS = 5000;

export interface Switch {
  on(): void;
  off(): void;
  /** After `off`, when the last listener has gone. */
  ended?(): void;
}

/** The listeners of something that is on while somebody listens and the page is seen. */
export class Audience<Told extends unknown[]> {
  readonly #switch: Switch;
  readonly #listeners = new Set<(...told: Told) => void>();
  #unwatch: (() => void) | null = null;

  constructor(of: Switch) {
    this.#switch = of;
  }

  /** Whether anybody listens. */
  get isThere(): boolean {
    return this.#unwatch !== null;
  }

  listen(listener: (...told: Told) => void): () => void {
    this.#listeners.add(listener);
    if (this.#unwatch === null) {
      this.#unwatch = watchVisibility((isVisible) => (isVisible ? this.#switch.on() : this.#switch.off()));
      this.#switch.on();
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.stop();
    };
  }

  tell(...told: Told): void {
    for (const listener of this.#listeners) listener(...told);
  }

  stop(): void {
    this.#unwatch?.();
    this.#unwatch = null;
    this.#switch.off();
    this.#switch.ended?.();
  }
}

/** Calls back when the page has been hidden for five seconds, and when it is seen again. */
function watchVisibility(onChange: (isVisible: boolean) => void): () => void {
  let timer: number | undefined;
  let isVisible = true;
  const tell = (now: boolean) => {
    if (now !== isVisible) onChange((isVisible = now));
  };
  const look = () => {
    window.clearTimeout(timer);
    if (document.visibilityState === 'visible') tell(true);
    else timer = window.setTimeout(() => tell(false), HIDDEN_MS);
  };
  document.addEventListener('visibilitychange', look);
  look();
  return () => {
    window.clearTimeout(timer);
    document.removeEventListener('visibilitychange', look);
  };
}
