// Runs checks and test files in lanes beside each other; whichever lane is free takes what comes next. A lane keeps the
// process of its test files as long as it lives.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Cost } from './cost.ts';
import type { Report } from './report.ts';
import { BETWEEN_FILES, END_OF_FILE, readTests } from './tap-lines.ts';
import { type FileEnded, NO_MORE } from './messages.ts';

/** A process is killed in which nothing has ended for so long: no test, and not the process itself. */
const TIMEOUT_MS = 900_000;

/** A process that runs test files. */
class Lane {
  readonly #report: Report;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #files: string[] = [];
  #timer = setTimeout(() => undefined, 0);
  #said = '';
  #tests = 0;
  #failures = 0;
  #atEndOfFile: () => void = () => undefined;

  constructor(report: Report) {
    this.#report = report;
    this.#child = fork('test/running/start.ts', { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-20_000);
    });
    if (this.#child.stdout !== null) {
      readTests(this.#child.stdout, ({ isOk, name, seconds, detail }) => {
        this.#wait();
        const isMark = name === END_OF_FILE || name === BETWEEN_FILES;
        if (isMark && isOk) {
          if (name === END_OF_FILE) this.#atEndOfFile();
          return;
        }
        this.#tests += 1;
        if (!isOk) this.#failures += 1;
        const where = isOk ? '' : `${this.#files.at(-1)}: `;
        report.test(isOk, where + report.slow(name, seconds), detail);
      });
    }
    // There is no event `close` where there was a channel.
    const ends = [this.#child.stdout, this.#child.stderr].map((one) => one && once(one, 'end'));
    this.#ended = Promise.all([once(this.#child, 'exit'), ...ends]).then(() => undefined);
  }

  /** Returns whether the process can run another file. */
  async run(file: string): Promise<boolean> {
    this.#files.push(file);
    this.#tests = 0;
    this.#wait();
    const isWritten = new Promise<void>((resolve) => (this.#atEndOfFile = resolve));
    const hasRun = Promise.all([this.#costOf(file), isWritten]);
    // A process that has just ended says so by its end.
    this.#child.send(file, () => undefined);
    const done = await Promise.race([hasRun, this.#ended]);
    clearTimeout(this.#timer);
    if (done === undefined) {
      this.#report.test(false, `${file} ended the process of its tests (${this.#how()})`, this.#said);
      return false;
    }
    this.#report.took(file, done[0]);
    if (this.#tests === 0) this.#report.test(false, `${file} has no tests`);
    return true;
  }

  /** Waits until the process has ended by itself. */
  async end(): Promise<void> {
    this.#wait();
    if (this.#child.connected) this.#child.send(NO_MORE);
    await this.#ended;
    clearTimeout(this.#timer);
    const isClean = this.#child.exitCode === 0 || this.#failures > 0;
    if (!isClean)
      this.#report.test(false, `${this.#files.join(' ')} ended badly (${this.#how()})`, this.#said);
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#child.kill('SIGKILL'), TIMEOUT_MS);
  }

  #costOf(file: string): Promise<Cost> {
    return new Promise((resolve) => {
      const listen = (message: Partial<FileEnded>): void => {
        if (message.file !== file || message.cost === undefined) return;
        this.#child.off('message', listen);
        resolve(message.cost);
      };
      this.#child.on('message', listen);
    });
  }

  #how(): string {
    const { exitCode, signalCode } = this.#child;
    return signalCode ?? `code ${exitCode}`;
  }
}

export type Job = { kind: 'check'; run(): Promise<void> } | { kind: 'file'; file: string };

/** Takes jobs from the front until none is left. Files wait until what they start has been built. */
export async function runLane(report: Report, jobs: Job[], built: Promise<void>): Promise<void> {
  let lane: Lane | null = null;
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    if (job.kind === 'check') {
      await job.run();
      continue;
    }
    await built;
    lane ??= new Lane(report);
    if (!(await lane.run(job.file))) lane = null;
  }
  await lane?.end();
}
