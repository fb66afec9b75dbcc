// Whether the directories that every attempt writes into can be written: a probe now and then, at once when an attempt has
// failed by a fault of the system, and every second while one fails. It must never wait for a disk that does not answer.
import type { Clock, Log } from '../../domain/ports/clock.ts';

export type DiskName = 'logs' | 'work_directories';

export interface Disk {
  name: DiskName;
  /** Begins the sentence "… cannot be written". */
  what: string;
  /** Writes as much as an attempt needs to begin, and removes it. Rejects when it cannot. */
  probe(): Promise<void>;
}

const EVERY_MS = 5000;
const AGAIN_MS = 1000;
/** A disk that takes longer does not answer. */
const SILENT_MS = 10_000;

type Time = Pick<Clock, 'timer' | 'monotonic'>;

export class DiskWatch {
  readonly #watched: readonly WatchedDisk[];

  constructor(disks: readonly Disk[], clock: Time, log: Log) {
    this.#watched = disks.map((disk) => new WatchedDisk(disk, clock, log));
  }

  start(): void {
    for (const disk of this.#watched) disk.look();
  }

  stop(): void {
    for (const disk of this.#watched) disk.stop();
  }

  /** An attempt has failed by a fault of the system, which may be a disk's. */
  suspect(): void {
    for (const disk of this.#watched) disk.look();
  }

  /** What is wrong with each disk; null where nothing is. */
  problems(): Partial<Record<DiskName, string | null>> {
    return Object.fromEntries(this.#watched.map(({ name, problem }) => [name, problem]));
  }
}

class WatchedDisk {
  problem: string | null = null;
  readonly #disk: Disk;
  readonly #clock: Time;
  readonly #log: Log;
  #timer: ReturnType<Time['timer']> | null = null;
  /** A probe is under way; more than one would hold up others, should it hang. */
  #isLooking = false;
  #isStopped = false;

  constructor(disk: Disk, clock: Time, log: Log) {
    this.#disk = disk;
    this.#clock = clock;
    this.#log = log;
  }

  get name(): DiskName {
    return this.#disk.name;
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  look(): void {
    if (this.#isLooking || this.#isStopped) return;
    this.#isLooking = true;
    this.#timer?.cancel();
    const silence = this.#clock.timer(SILENT_MS, () => this.#is(`no answer for ${SILENT_MS / 1000} s`));
    void this.#disk
      .probe()
      .then(
        () => null,
        (error: unknown) => causeOf(error),
      )
      .then((cause) => {
        silence.cancel();
        this.#isLooking = false;
        if (this.#isStopped) return;
        this.#is(cause);
        this.#timer = this.#clock.timer(cause === null ? EVERY_MS : AGAIN_MS, () => this.look());
      });
  }

  #is(cause: string | null): void {
    const before = this.problem;
    const { what } = this.#disk;
    this.problem =
      cause === null
        ? null
        : `${what} cannot be written: ${cause}. Free some space or repair the disk; execd tries again every second.`;
    if (before === null && cause !== null) this.#log.error({ disk: this.name }, this.problem as string);
    if (before !== null && cause === null)
      this.#log.info({ disk: this.name }, `${what} can be written again`);
  }
}

/** The system's words without the path, which probes are not to tell. */
function causeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) return message;
  const words = /^\w+: ([^,]+),/.exec(message)?.[1];
  return words === undefined ? code : `${words} (${code})`;
}
