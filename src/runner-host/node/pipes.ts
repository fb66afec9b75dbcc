// Pipes for the output of user processes. Node's own are sockets, which programs cannot open again by
// name (`echo x > /dev/stderr` fails with ENXIO, nodejs/node#21941). Node cannot make a pipe, but it can open a FIFO;
// made in batches by mkfifo(1) and unlinked once open, they are as good.
import { spawn } from 'node:child_process';
import { closeSync, constants, existsSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export interface PipeEnds {
  /** The end that goes to the process blocks, and must be closed here after the spawn; the other one does not block. */
  readFd: number;
  writeFd: number;
}

/** The first batch is small, for a host that will not need many; each one is twice the one before, up to the last. */
const FIRST_BATCH = 16;
const LAST_BATCH = 256;

export class PipePool {
  readonly #dir: string;
  #paths: string[] = [];
  #made = 0;
  #batch = FIRST_BATCH;
  #making: Promise<void> | null = null;

  /** @param dir an empty directory of this pool alone */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /**
   * Makes a pipe: for output, whose end here is read without blocking, or for input, which is written so.
   *
   * @throws the error of mkfifo or open, when the system has no more files, space or processes
   */
  async take(isForInput = false): Promise<PipeEnds> {
    try {
      return await this.#take(isForInput);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      // Somebody has emptied the directory, or removed it: what was made is gone.
      this.#paths = [];
      mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
      return this.#take(isForInput);
    }
  }

  async #take(isForInput: boolean): Promise<PipeEnds> {
    while (this.#paths.length === 0) await this.#refill();
    const path = this.#paths.pop() as string;
    if (this.#paths.length < this.#batch / 4) this.#refill().catch(() => undefined);
    // For reading and writing a FIFO opens at once (fifo(7)); then neither of its ends waits for the other.
    const bothFd = openSync(path, constants.O_RDWR);
    const nonBlocking = (isIt: boolean) => (isIt ? constants.O_NONBLOCK : 0);
    let readFd: number | null = null;
    try {
      readFd = openSync(path, constants.O_RDONLY | nonBlocking(!isForInput));
      return { readFd, writeFd: openSync(path, constants.O_WRONLY | nonBlocking(isForInput)) };
    } catch (error) {
      if (readFd !== null) closeSync(readFd);
      throw error;
    } finally {
      closeSync(bothFd);
      rmSync(path, { force: true });
    }
  }

  #refill(): Promise<void> {
    this.#making ??= this.#make().finally(() => {
      this.#making = null;
    });
    return this.#making;
  }

  #make(): Promise<void> {
    if (!existsSync(this.#dir)) mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    const paths = Array.from({ length: this.#batch }, () => join(this.#dir, `pipe-${this.#made++}`));
    this.#batch = Math.min(this.#batch * 2, LAST_BATCH);
    return new Promise((resolve, reject) => {
      const child = spawn('mkfifo', ['--', ...paths], {
        env: { PATH: '/usr/bin:/bin' },
        stdio: 'ignore',
      });
      child.on('error', reject);
      child.on('exit', (code) => {
        if (code !== 0) return reject(new Error(`mkfifo ended with ${code}`));
        this.#paths.push(...paths);
        resolve();
      });
    });
  }
}

export function closePipe({ readFd, writeFd }: PipeEnds): void {
  closeSync(readFd);
  closeSync(writeFd);
}
