// What happens to the servers while they work: one fault a round, drawn from the seed.
import { until } from '../../helpers/processes.ts';
import { childrenOf, LEASE_S, pause, randomOf, type Replica, type World } from './world.ts';

export const FAULTS = ['kill', 'freeze', 'nap', 'restart', 'rolling', 'host', 'postgres', 'crash'] as const;
export type Fault = (typeof FAULTS)[number];
/** How many of each come in a hundred rounds; the rest are kills. */
const SHARE: Partial<Record<Fault, number>> = {
  ...{ freeze: 15, nap: 8, restart: 15, rolling: 4, host: 12, postgres: 6, crash: 6 },
};
const WAKE_MS = 120_000;

/** Which fault a round has. */
export function faultOf(seed: number, round: number): Fault {
  let at = randomOf(seed, `fault ${round}`)(100);
  for (const fault of FAULTS) {
    at -= SHARE[fault] ?? 0;
    if (at < 0) return fault;
  }
  return 'kill';
}

export class Faults {
  readonly #world: World;
  readonly #seed: number;
  readonly counts: Record<string, number> = {};
  /** Problems that only show while a fault is on. */
  readonly problems: string[] = [];
  #frozen: Promise<void>[] = [];

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#seed = seed;
  }

  /** Carries out the fault of a round; one that lasts goes on beside the next rounds. */
  async strike(round: number): Promise<void> {
    const random = randomOf(this.#seed, `strike ${round}`);
    const fault = faultOf(this.#seed, round);
    await pause(random(600));
    const at = await this.#strike(fault, random);
    this.counts[fault] = (this.counts[fault] ?? 0) + 1;
    console.log(`     round ${round}: ${fault}${at === '' ? '' : ` ${at}`}`);
  }

  /** Waits until what is frozen has woken up. */
  async over(): Promise<void> {
    await Promise.all(this.#frozen);
  }

  async #strike(fault: Fault, random: (below: number) => number): Promise<string> {
    if (fault === 'postgres' || fault === 'crash') {
      await this.#world.cluster[fault === 'postgres' ? 'stop' : 'kill']();
      await pause(random(3000));
      await this.#startDatabase();
      return '';
    }
    if (fault === 'rolling') {
      for (const replica of this.#world.replicas) {
        await this.#free(replica);
        await this.#end(replica, 'SIGTERM');
        await until(`${replica.name} is back`, () => this.#world.isUp(replica));
      }
      return '';
    }
    const able = this.#world.replicas.filter(({ role }) => fault !== 'host' || role !== 'api');
    const replica = able[random(able.length)] as Replica;
    await this.#free(replica);
    if (fault === 'kill') await this.#end(replica, 'SIGKILL');
    else if (fault === 'restart') await this.#end(replica, 'SIGTERM');
    else if (fault === 'host') for (const pid of childrenOf(replica.server?.pid ?? 0)) signal(pid, 'SIGKILL');
    else {
      const ms = fault === 'freeze' ? LEASE_S * (1200 + random(400)) : 500 + random(LEASE_S * 400);
      this.#frozen.push(this.#freeze(replica, ms));
    }
    return replica.name;
  }

  /** Waits until a server can be struck: it is there, and another one of its role would stay. */
  async #free(replica: Replica): Promise<void> {
    const others = this.#world.replicas.filter((one) => one !== replica && one.role === replica.role);
    await until(
      `${replica.name} is there, and not alone`,
      () => this.#world.isUp(replica) && others.some((one) => this.#world.isUp(one)),
    );
  }

  async #end(replica: Replica, how: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { server } = replica;
    if (server === null) return;
    replica.isHit = true;
    await (how === 'SIGKILL' ? server.kill() : server.stop());
  }

  /** One that has slept longer than its lease must end by itself; its processes were ended long before. */
  async #freeze(replica: Replica, ms: number): Promise<void> {
    const { server } = replica;
    if (server === null || !signal(server.pid, 'SIGSTOP')) return;
    replica.isFrozen = true;
    await pause(ms);
    const mustEnd = ms > LEASE_S * 1000;
    replica.isHit = mustEnd;
    signal(server.pid, 'SIGCONT');
    replica.isFrozen = false;
    if (mustEnd)
      await until(`${replica.name} ends by itself`, () => server.hasEnded(), WAKE_MS).catch(() =>
        this.problems.push(`${replica.name} was frozen for ${ms} ms, and goes on`),
      );
  }

  /** After a crash, what is left of the one before may still hold its memory. */
  async #startDatabase(): Promise<void> {
    await until('PostgreSQL is back', async () => {
      try {
        await this.#world.cluster.start();
        return true;
      } catch {
        return false;
      }
    });
  }
}

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
