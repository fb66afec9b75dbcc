// The runner host as a child process: starts it, speaks frames with it, and tells when it has died.
import { mkdirSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import type { Clock } from '../../domain/ports/clock.ts';
import type { IsolationMeans } from './tiers.ts';
import {
  Decoder,
  encode,
  type Frame,
  type Ready,
  type ToHost,
  type ToServer,
} from '../../runner-host/protocol.ts';

export interface HostEvents {
  onFrame(frame: ToServer): void;
  /** Called once, however it ended; nothing comes afterwards. */
  onDeath(reason: string): void;
  /** A line that the host wrote to its standard error. */
  onLine(line: string): void;
}

export interface HostProcessOptions {
  /** Program and arguments of the host. */
  command: readonly [string, ...string[]];
  /** Identity of the store. */
  instance: string;
  /** Made here; belongs to this host alone. */
  scratchDir: string;
  /** What it needs to isolate commands. */
  means: IsolationMeans;
  /** Places that commands in a sandbox do not see. */
  hidden: readonly string[];
  /** The soft limit of open files that commands start with. */
  openFiles: number;
  clock: Clock;
  events: HostEvents;
}

const READY_MS = 30_000;
/** After SIGKILL, or after the host has closed its output, until the system has ended the process. */
const DEATH_MS = 5000;

/** Its output is read as it comes, and its end, however it ends, is a value. */
function begin(program: string, args: readonly string[], instance: string) {
  return execa(program, args, {
    ...{ detached: true, buffer: false, reject: false },
    // No trace of the server's environment: its children could read it there.
    ...{ extendEnv: false, env: { PATH: '/usr/local/bin:/usr/bin:/bin', EXECD_HOST: instance } },
  });
}
type Begun = ReturnType<typeof begin>;

export class HostProcess {
  readonly #child: Begun;
  readonly #options: HostProcessOptions;
  readonly #ready: Promise<Ready>;
  #unsent: Buffer[] = [];
  #isDead = false;
  #lastWord = '';
  #cpuTicks = '';
  #died: (reason: string) => void = () => undefined;

  /** Starts the host. In a session of its own, so that a Ctrl-C in the terminal reaches the server only. */
  constructor(options: HostProcessOptions) {
    this.#options = options;
    mkdirSync(options.scratchDir, { recursive: true, mode: 0o700 });
    const [program, ...args] = options.command;
    this.#child = begin(program, args, options.instance);
    this.#ready = new Promise((resolve, reject) => {
      const timer = options.clock.timer(READY_MS, () => this.kill('it did not respond'));
      this.#listen((frame) => {
        timer.cancel();
        resolve(frame);
      });
      this.#died = (reason) => {
        if (this.#isDead) return;
        this.#isDead = true;
        timer.cancel();
        reject(new Error(`the runner host ended: ${reason}`));
        options.events.onDeath(reason);
      };
      // It resolves after the end of the output: the frames that the host sent before its death come first.
      void this.#child.then((end) => this.#died(this.#lastWord || endOf(end)));
      this.#child.stdout.once('end', () =>
        options.clock.timer(DEATH_MS, () => this.kill('its process did not end')),
      );
    });
    this.#ready.catch(() => undefined);
    const { instance, scratchDir, means, hidden, openFiles } = options;
    this.send({
      ...{ type: 'hello', instance, scratchDir, bwrap: means.bwrap ?? '', hidden: [...hidden] },
      ...{ firstUid: means.uids?.first ?? 0, uidCount: means.uids?.count ?? 0, openFiles },
    });
  }

  /** Resolves when the host has answered; rejects when it dies before that. */
  get ready(): Promise<Ready> {
    return this.#ready;
  }

  /** Frames of the same moment are written together: each write wakes the host. */
  send(frame: ToHost): void {
    if (this.#isDead) return;
    if (this.#unsent.length === 0) queueMicrotask(() => this.#flush());
    this.#unsent.push(encode(frame));
  }

  #flush(): void {
    const frames = this.#unsent;
    this.#unsent = [];
    if (!this.#isDead && frames.length > 0) this.#child.stdin.write(Buffer.concat(frames));
  }

  /** Ends the host, which kills everything that it still runs before it is gone. */
  close(): void {
    this.#flush();
    this.#child.stdin.end();
  }

  /** A process that waits in the system for a disk may not end even so; it counts as dead then, and is left behind. */
  kill(reason: string): void {
    if (this.#isDead) return;
    this.#lastWord ||= reason;
    this.#child.kill('SIGKILL');
    this.#options.clock.timer(DEATH_MS, () => this.#leaveBehind());
  }

  #leaveBehind(): void {
    if (this.#isDead) return;
    this.#died(`${this.#lastWord}; its process ${this.#child.pid} cannot be killed and is left behind`);
    for (const stream of this.#child.stdio) stream?.destroy();
    this.#child.nodeChildProcess.unref();
  }

  /**
   * Whether the host has used cpu time since the last call, or could use it, or waits for a disk; true where that
   * cannot be told.
   */
  makesProgress(): boolean {
    let text;
    try {
      text = readFileSync(`/proc/${this.#child.pid}/stat`, 'latin1');
    } catch {
      return true;
    }
    // The command name may hold anything, parentheses too: the fields begin behind the last one (proc(5)).
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const before = this.#cpuTicks;
    this.#cpuTicks = fields.slice(11, 13).join('/');
    return this.#cpuTicks !== before || fields[0] === 'R' || fields[0] === 'D';
  }

  #listen(ready: (frame: Ready) => void): void {
    const { stdin, stdout, stderr } = this.#child;
    const decoder = new Decoder();
    // A host that has gone is seen by its exit; what could not be written to it is no news.
    stdin.on('error', () => undefined);
    stdout.on('data', (piece: Buffer) => {
      let frames: Frame[];
      try {
        frames = decoder.push(piece);
      } catch (error) {
        return this.kill((error as Error).message);
      }
      for (const frame of frames as ToServer[]) {
        if (frame.type === 'ready') ready(frame);
        else if (frame.type === 'failure') this.#lastWord = frame.message;
        if (!this.#isDead) this.#options.events.onFrame(frame);
      }
    });
    let line = '';
    // Not execa's lines: one without an end has no bound there.
    stderr.setEncoding('utf8').on('data', (text: string) => {
      const lines = (line + text).split('\n');
      line = lines.pop()?.slice(-4096) ?? '';
      for (const whole of lines) this.#options.events.onLine(whole);
    });
  }
}

/** Why it has ended, or could not be started. */
function endOf({ signal, exitCode, originalMessage }: Awaited<Begun>): string {
  return (
    signal ??
    (exitCode === undefined ? (originalMessage ?? 'it could not be started') : `exit code ${exitCode}`)
  );
}
