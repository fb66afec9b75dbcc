// The work that clients send while servers come and go: each job is drawn from the seed, submitted at one server, and followed,
// cancelled and read at others.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Event,
  type Followed,
  type Kind,
  NUMBERS,
  type PlanRun,
  PRINTED,
  type Shown,
} from './checker.ts';
import { pause, randomOf, Refused, type World } from './world.ts';

type Random = (below: number) => number;

/** Of twenty jobs; the last two are a pair of identical executions and a plan. */
const JOBS: readonly (Kind | 'plan')[] = [
  ...([
    'again',
    'once',
    'printer',
    'again',
    'failing',
    'cancelled',
    'again',
    'once',
    'joined',
    'again',
  ] as const),
  ...([
    'again',
    'cancelled',
    'failing',
    'again',
    'once',
    'printer',
    'again',
    'cancelled',
    'again',
    'plan',
  ] as const),
];
const AGAIN = {
  retry_safe: true,
  retry: { attempts: 100, min_ms: 0, multiplier: 0, retry_on: { causes: ['lost'] } },
};
const FAILING = { ...AGAIN, retry: { ...AGAIN.retry, retry_on: { causes: ['lost'], exit_codes: [3] } } };
const HALF = ['priority', 'long'] as const;
/** A client does not wait longer than this for an end. */
const GIVE_UP_MS = 300_000;
const WAIT_S = 5;

interface PlanShown {
  id: string;
  phase: string;
  status: string;
  steps: PlanRun['steps'];
}

export class Load {
  readonly executions: Followed[] = [];
  readonly plans: PlanRun[] = [];
  /** Jobs that were accepted. */
  accepted = 0;
  /** Jobs that came to nothing. */
  readonly problems: string[] = [];
  readonly #world: World;
  readonly #seed: number;
  readonly #side: string;
  /** What leaves a process behind that has neither environment nor parents. */
  readonly #daemon: string;

  constructor(world: World, seed: number, daemon: string) {
    this.#world = world;
    this.#seed = seed;
    this.#daemon = daemon;
    this.#side = join(world.dir, 'side');
    mkdirSync(this.#side, { recursive: true });
  }

  /** A job from its submission to its end. */
  async run(i: number): Promise<void> {
    try {
      await this.#run(i);
    } catch (error) {
      // The rounds go on.
      this.accepted += 1;
      this.problems.push(`job ${i}: ${(error as Error).message}`);
    }
  }

  async #run(i: number): Promise<void> {
    const random = randomOf(this.#seed, `job ${i}`);
    const kind = JOBS[i % JOBS.length] as Kind | 'plan';
    if (kind === 'plan') return this.#plan(i, random);
    if (kind !== 'joined') return this.#execution(i, kind, random, {});
    const pair = { labels: { kind, pair: `${i}` }, task_id: `pair-${i}`, cache: { ttl_s: 3600 } };
    await Promise.all(
      ['a', 'b'].map((name) =>
        this.#execution(i, kind, randomOf(this.#seed, `job ${i} ${name}`), { ...pair, name }),
      ),
    );
    return undefined;
  }

  /** What the work has written down, all of it, in order within each file. */
  lines(): string[] {
    return readdirSync(this.#side).flatMap((name) =>
      readFileSync(join(this.#side, name), 'utf8')
        .split('\n')
        .filter((line) => line !== ''),
    );
  }

  /** Notes each beginning and each end, with its attempt. */
  command(file: string, work: string, sleepMs: number): string {
    const note = (word: string) =>
      `echo "$EXECUTION_ID ${word} $EXECUTION_ATTEMPT" >> ${join(this.#side, file)}`;
    const sleep = sleepMs === 0 ? ':' : `sleep ${(sleepMs / 1000).toFixed(3)}`;
    return `${note('began')}; ${sleep}; ${work}; ${note('ended')}`;
  }

  #spec(i: number, kind: Kind, random: Random): { spec: object; writes: string } {
    const file = `${Math.floor(i / 100)}`;
    const half = HALF[random(2)];
    const sleepMs = kind === 'cancelled' && half === 'long' ? 60_000 : random(80);
    const daemon = kind === 'once' ? this.#daemon : '';
    const fails = '[ "$EXECUTION_ATTEMPT" -ge 2 ] || exit 3; ';
    const work = `${daemon}${kind === 'failing' ? fails : ''}${kind === 'printer' ? `seq ${NUMBERS}` : `echo "out ${i}"`}`;
    const spec = {
      ...{ kind: 'shell', command: this.command(file, work, sleepMs), labels: { kind } },
      ...(kind === 'once' || kind === 'cancelled' ? {} : kind === 'failing' ? FAILING : AGAIN),
      ...(kind === 'cancelled' && half === 'priority' ? { priority: -1 } : {}),
    };
    return { spec, writes: kind === 'printer' ? PRINTED : `out ${i}\n` };
  }

  async #execution(
    i: number,
    kind: Kind,
    random: Random,
    { name = '', ...more }: { name?: string } & object,
  ): Promise<void> {
    // Those of a pair are the same.
    const { spec, writes } = this.#spec(
      i,
      kind,
      kind === 'joined' ? randomOf(this.#seed, `pair ${i}`) : random,
    );
    const key = `${kind}-${i}${name}`;
    const submit = () => this.#world.call<Shown>('POST', '/v1/executions', random, { ...spec, ...more }, key);
    const { body: first } = await submit();
    this.accepted += 1;
    const { id } = first;
    const ids = [id];
    const followed = this.#events(id, random);
    const output = kind === 'printer' && random(2) === 0 ? this.#output(id, random) : null;
    // Both are awaited below, where something else has not failed before.
    for (const one of [followed, output]) one?.catch(() => undefined);
    const cancel = kind === 'cancelled' ? await this.#cancel(id, random) : null;
    // The same request once more, at whichever server.
    if (random(4) === 0) ids.push((await submit()).body.id);
    const end = await this.#end(id, random);
    const last = end.attempts.at(-1)?.number;
    const log =
      kind === 'joined' || end.status !== 'completed' || last === undefined
        ? null
        : (await this.#world.text('GET', `/v1/executions/${id}/logs?format=raw&attempt=${last}`, random))
            .text;
    const events = await followed;
    this.executions.push({ kind, ids, writes, cancel, end, events, log, output: await output });
  }

  async #cancel(id: string, random: Random): Promise<Followed['cancel']> {
    await pause(random(300));
    try {
      const { code, body } = await this.#world.call<Shown>('POST', `/v1/executions/${id}/cancel`, random);
      return { code, shown: body };
    } catch (error) {
      if (error instanceof Refused && error.message.includes('execution_finished')) return null;
      throw error;
    }
  }

  /** Polls, each time at the next server. */
  async #end(id: string, random: Random): Promise<Shown> {
    const giveUpAt = Date.now() + GIVE_UP_MS;
    for (;;) {
      const { body } = await this.#world.call<Shown>('GET', `/v1/executions/${id}?wait=${WAIT_S}`, random);
      if (body.phase === 'done') return body;
      if (Date.now() > giveUpAt) return body;
    }
  }

  /** Follows a log to its end; where a server breaks off, from there on at whichever server. */
  async #output(id: string, random: Random): Promise<string> {
    const giveUpAt = Date.now() + GIVE_UP_MS;
    let output = '';
    let cursor = '';
    let cause: string | undefined;
    const hasEnded = () => cause !== undefined;
    const take = (line: string) => {
      if (line === '') return;
      const one = JSON.parse(line) as { text?: string; cursor: string; cause?: string | null };
      output += one.text ?? '';
      cursor = `&cursor=${one.cursor}`;
      // The record of an end without a cause says that this server ends, not the attempt.
      cause = one.cause ?? undefined;
    };
    while (!hasEnded() && Date.now() < giveUpAt) {
      const path = `/v1/executions/${id}/logs?format=ndjson&follow=true${cursor}`;
      await this.#world.stream(path, random, take, GIVE_UP_MS);
      if (!hasEnded()) await pause(random(200));
    }
    return output;
  }

  /** All events of an execution; where a server breaks off, from there on at whichever server. */
  async #events(id: string, random: Random): Promise<Event[]> {
    const giveUpAt = Date.now() + GIVE_UP_MS;
    const events: Event[] = [];
    let after = '';
    let [name, next] = ['', ''];
    const take = (line: string) => {
      if (line.startsWith('event: ')) name = line.slice(7);
      if (line.startsWith('id: ')) next = line.slice(4);
      if (!line.startsWith('data: ') || name === 'problem') return;
      const { sequence, type, phase, attempt } = JSON.parse(line.slice(6)) as Partial<Event> &
        Omit<Event, 'sequence'>;
      if (sequence === undefined) return;
      events.push({ sequence, type, phase, attempt });
      after = `?after=${next}`;
    };
    const hasEnded = () => events.at(-1)?.phase === 'done';
    while (!hasEnded() && Date.now() < giveUpAt) {
      await this.#world.stream(`/v1/executions/${id}/events${after}`, random, take, GIVE_UP_MS);
      if (!hasEnded()) await pause(random(200));
    }
    return events;
  }

  async #plan(i: number, random: Random): Promise<void> {
    const after: Record<string, string[]> = {
      ...{ again0: [], once1: ['again0'], again2: ['again0'], once3: ['once1'] },
      ...{ again4: ['again2', 'once3'], again5: ['again4'] },
    };
    const file = `plan-${i}`;
    const steps = Object.entries(after).map(([name, before]) => ({
      ...{ name, kind: 'shell', depends_on: before, command: this.command(file, `echo ${name}`, random(60)) },
      ...(name.startsWith('again') ? AGAIN : { continue_on_error: true }),
    }));
    const plan = { strategy: { type: 'dependency_graph' }, steps };
    const { body: first } = await this.#world.call<PlanShown>('POST', '/v1/plans', random, plan, file);
    this.accepted += 1;
    const { id } = first;
    const giveUpAt = Date.now() + GIVE_UP_MS;
    for (;;) {
      const { body } = await this.#world.call<PlanShown>('GET', `/v1/plans/${id}?wait=${WAIT_S}`, random);
      if (body.phase !== 'done' && Date.now() < giveUpAt) continue;
      const { status } = body;
      const ended = body.steps.map(({ name, status, execution_id }) => ({ name, status, execution_id }));
      this.plans.push({ id, status: body.phase === 'done' ? status : body.phase, after, steps: ended });
      return;
    }
  }
}
