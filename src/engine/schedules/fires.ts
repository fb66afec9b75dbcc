// Starts the work of schedules when it is due. What becomes of a due time is stored together with what it starts: after a crash
// at any moment it has been started once, or is due still.
import type { Caller } from '../../domain/spec/access.ts';
import { RefusedError } from '../../domain/errors.ts';
import { type Execution, isFinished } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { Group, GroupResult, Part } from '../../domain/ports/group.ts';
import type { Store } from '../../domain/ports/store.ts';
import { end, fire, type Firing, fireByHand, hush, runOf } from '../../domain/schedules/firing.ts';
import type { Schedule, ScheduleRun, TimesOf } from '../../domain/schedules/schedule.ts';
import { Stale, type Submission, type Submitted } from '../accept/submission.ts';
import { Alarm } from './alarm.ts';

export interface FiresDeps {
  store: Pick<Store, 'dueSchedules' | 'nextSchedule' | 'get'>;
  clock: Clock;
  log: Log;
  timesOf: TimesOf;
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
  isRevoked: (keyId: string) => boolean;
  submitAll: (caller: Caller, submissions: readonly Submission[]) => Promise<(Submitted | RefusedError)[]>;
  cancel: (caller: Caller, executionId: ExecutionId, reason: string) => Promise<unknown>;
  /** Called with what became of each due time, once that is stored. */
  fired: (run: ScheduleRun, schedule: Schedule) => void;
  /** Called when a schedule was reported as silent, once that is stored. */
  silent: (schedule: Schedule) => void;
}

const AT_ONCE = 100;
/** When nothing that is due could be served. */
const AGAIN_MS = 1000;
/** What passes by itself: the due time is tried again, like a request would be. */
const PASSING = new Set(['store_unavailable', 'shutting_down', 'maintenance', 'internal_error']);

export class Fires {
  readonly #deps: FiresDeps;
  readonly alarm: Alarm;

  constructor(deps: FiresDeps) {
    this.#deps = deps;
    const failed = 'Cannot start due work of schedules; execd retries';
    this.alarm = new Alarm({ clock: deps.clock, log: deps.log, once: () => this.once(), failed });
  }

  /** Takes in the newest state of an execution: what waits for its end can begin. */
  follow(execution: Execution): void {
    if (execution.schedule !== null && isFinished(execution)) this.alarm.wake();
  }

  /**
   * Starts all that is due; answers when the next is.
   *
   * @throws StoreError
   */
  async once(): Promise<number | null> {
    const { store, clock } = this.#deps;
    for (;;) {
      const due = await store.dueSchedules(clock.now(), AT_ONCE);
      if (due.length === 0) return store.nextSchedule();
      const served = await Promise.all(due.map((schedule) => this.#serve(schedule)));
      // They are due still.
      if (!served.some(Boolean)) return clock.now() + AGAIN_MS;
    }
  }

  /** Serves one due time, or reports the schedule as silent; answers whether that is stored. */
  async #serve(schedule: Schedule): Promise<boolean> {
    const { clock } = this.#deps;
    const hushed = hush(schedule, clock.now(), (from, to) => clock.between(from, to));
    if (hushed !== null) return this.#storeSilence(hushed);
    const firing = await this.#decide(schedule, fire);
    return firing !== null && (await this.#carryOut(firing)) !== null;
  }

  async #storeSilence(schedule: Schedule): Promise<boolean> {
    const [result] = await this.#deps.commit([[{ type: 'schedule', isNew: false, schedule }]]);
    const isStored = result?.status === 'applied';
    if (isStored && schedule.silentAt !== null) this.#deps.silent(schedule);
    return isStored;
  }

  /**
   * Starts a schedule now, as its overlap allows. Answers what became of it; null when it has changed in between.
   *
   * @param laterMs where something of this very moment is in its history already
   * @throws RefusedError
   */
  async byHand(schedule: Schedule, laterMs: number): Promise<ScheduleRun | null> {
    const firing = await this.#decide(schedule, (one, moment) =>
      fireByHand(one, { ...moment, now: moment.now + laterMs }),
    );
    return firing === null ? null : this.#carryOut(firing, true);
  }

  async #decide(
    schedule: Schedule,
    by: (schedule: Schedule, moment: Parameters<typeof fire>[1]) => Firing | null,
  ): Promise<Firing | null> {
    const { store, clock, timesOf } = this.#deps;
    const last = schedule.lastId === null ? null : await store.get(null, schedule.lastId);
    const times = timesOf(schedule.plan.when, schedule.anchor);
    return by(schedule, { now: clock.now(), times, isLive: last !== null && !isFinished(last) });
  }

  /** What became of the due time of a decision; null when that is not stored. */
  async #carryOut({ schedule, runs, start, cancels }: Firing, isByHand = false): Promise<ScheduleRun | null> {
    if (start === null) return this.#note(schedule, runs, cancels);
    const { dueAt, isManual } = start;
    const { keyId } = schedule;
    if (keyId !== null && this.#deps.isRevoked(keyId)) return this.#noteRevoked(schedule, runs, dueAt);
    const result = await this.#submit(schedule, runs, start);
    if (!(result instanceof RefusedError)) {
      const started = { ...runOf(schedule, dueAt, 'started', this.#deps.clock.now()), isManual };
      return this.#told(schedule, [...runs, { ...started, executionId: result.execution.id }]);
    }
    if (result instanceof Stale) return null;
    if (isByHand) throw result;
    if (PASSING.has(result.type)) return null;
    const refused = runOf(schedule, dueAt, 'refused', this.#deps.clock.now(), result.message);
    return this.#note(schedule, [...runs, { ...refused, error: result.type, isManual }]);
  }

  async #submit(
    schedule: Schedule,
    runs: readonly ScheduleRun[],
    { dueAt, isManual }: NonNullable<Firing['start']>,
  ): Promise<Submitted | RefusedError> {
    const { plan } = schedule;
    const { clock } = this.#deps;
    const started = (executionId: string): Part[] => [
      {
        type: 'schedule',
        isNew: false,
        schedule: { ...schedule, lastId: executionId, lastAt: isManual ? schedule.lastAt : dueAt },
      },
      ...[...runs, { ...runOf(schedule, dueAt, 'started', clock.now()), executionId, isManual }].map(
        (run) => ({ type: 'schedule_run', run }) as const,
      ),
    ];
    const of = { id: schedule.id, name: plan.name, dueAt };
    const submission = { spec: plan.work, trace: null, idempotency: null, rerunOf: null };
    const [answer] = await this.#deps.submitAll(callerOf(schedule), [
      { ...submission, schedule: { of, parts: started } },
    ]);
    return answer ?? new RefusedError('internal_error', 'There was no response.');
  }

  #noteRevoked(schedule: Schedule, runs: readonly ScheduleRun[], dueAt: number): Promise<ScheduleRun | null> {
    const detail = `The API key ${schedule.keyId} that the schedule was created with has been revoked.`;
    const refused = runOf(schedule, dueAt, 'refused', this.#deps.clock.now(), detail);
    const ended = end(schedule, 'key_revoked');
    return this.#note(ended, [...runs, { ...refused, error: 'unauthorized' }]);
  }

  /** Stores what became of due times, and the cancel of what runs with it. */
  async #note(
    schedule: Schedule,
    runs: readonly ScheduleRun[],
    cancels = false,
  ): Promise<ScheduleRun | null> {
    const { commit, cancel } = this.#deps;
    const { userId, lastId: executionId } = schedule;
    const reason = `The schedule ${schedule.plan.name} starts again.`;
    const group: Part[] = [{ type: 'schedule', isNew: false, schedule }];
    for (const run of runs) group.push({ type: 'schedule_run', run });
    if (cancels && executionId !== null) group.push({ type: 'cancel', userId, executionId, reason });
    const [result] = await commit([group]);
    if (result?.status !== 'applied') return null;
    // It is marked; this stops its processes.
    if (cancels && executionId !== null)
      await cancel(callerOf(schedule), executionId, reason).catch(() => undefined);
    return this.#told(schedule, runs);
  }

  #told(schedule: Schedule, runs: readonly ScheduleRun[]): ScheduleRun | null {
    for (const run of runs) this.#deps.fired(run, schedule);
    return runs.at(-1) ?? null;
  }
}

/** For whom a schedule starts its work. */
export function callerOf({ userId, caller, keyId, submittedBy }: Schedule): Caller {
  const credential = { type: 'key', id: keyId, userId: submittedBy ?? userId, expiresAt: null } as const;
  return { userId, scopes: new Set(caller.scopes), mayRun: caller.mayRun, credential };
}
