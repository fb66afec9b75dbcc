// One line for each fact, and what was seen when it does not hold.

export interface Check {
  title: string;
  /** Rejects with what was seen. */
  holds(): Promise<unknown>;
}

const SHOWN_CHARS = 4000;

export class Report {
  #passed = 0;
  #failed = 0;

  async run(checks: readonly Check[]): Promise<void> {
    for (const check of checks) await this.check(check);
  }

  /** Whether it holds. */
  async check(one: Check): Promise<boolean> {
    try {
      await one.holds();
      this.#passed += 1;
      console.log(`ok ${one.title}`);
      return true;
    } catch (error) {
      this.#failed += 1;
      console.log(`FAIL ${one.title}\n${seen(error)}`);
      return false;
    }
  }

  /** Whether all have held. */
  finish(): boolean {
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
    return this.#failed === 0;
  }
}

function seen(error: unknown): string {
  const { message, cause } = error as Error;
  const text = cause === undefined ? message : `${message}\n${(cause as Error).message}`;
  // Timers of health checks are systemd's; they are asked by hand here.
  const lines = text.split('\n').filter((line) => !line.includes('Removing timer for container'));
  return lines.join('\n').slice(-SHOWN_CHARS).replaceAll(/^/gm, '     ');
}
