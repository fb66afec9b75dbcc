// Schedules, as callers see them: create, list, change, pause, run now, remove, and what became of their due times.
import { actingUser, type Caller } from '../../domain/spec/access.ts';
import { quoted, RefusedError } from '../../domain/errors.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { Group, GroupResult } from '../../domain/ports/group.ts';
import type { Store } from '../../domain/ports/store.ts';
import { goOn, wakeAt, watchFrom } from '../../domain/schedules/firing.ts';
import {
  KEPT_RUNS,
  MAX_SCHEDULES,
  MAX_USER_SCHEDULES,
  type Schedule,
  type SchedulePlan,
  type ScheduleRun,
  type TimesOf,
} from '../../domain/schedules/schedule.ts';
import type { When } from '../../domain/schedules/schedule-schema.ts';
import { stored } from '../refusals.ts';
import type { Fires } from './fires.ts';

export interface SchedulesDeps {
  store: Pick<Store, 'schedules' | 'schedule' | 'scheduleRuns'>;
  clock: Clock;
  fires: Fires;
  timesOf: TimesOf;
  /** Why a cron expression is of no use; null when it is. */
  cronProblem: (when: When, now: number) => string | null;
  newId: () => string;
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
  checkOpen: () => void;
  /** Throws RefusedError when the work would not be accepted now. */
  checkWork: (caller: Caller, plan: SchedulePlan) => Promise<void>;
}

/** A schedule with its next due times. */
export interface ScheduleView {
  schedule: Schedule;
  next: number[];
}

/** Due times that are shown ahead. */
const SHOWN_NEXT = 5;
/** How often a change is tried again that another one has overtaken. */
const MOST_TRIES = 20;

export class Schedules {
  readonly #deps: SchedulesDeps;

  constructor(deps: SchedulesDeps) {
    this.#deps = deps;
  }

  /** @throws RefusedError `validation`, `schedule_exists`, `too_many_schedules`, and whatever its work is refused with */
  async create(caller: Caller, plan: SchedulePlan, isPaused: boolean): Promise<ScheduleView> {
    const { clock, newId } = this.#deps;
    await this.#check(caller, plan);
    const now = clock.now();
    const schedule: Schedule = {
      ...{ id: newId(), userId: caller.userId, plan, ...ownerOf(caller) },
      ...{ state: isPaused ? 'paused' : 'active', ended: null, nextAt: null, waiting: [], runs: 0 },
      ...{
        lastId: null,
        lastAt: null,
        anchor: now,
        revision: 0,
        completedAt: null,
        createdAt: now,
        updatedAt: now,
      },
      ...{ watchedFrom: now, silentAt: null },
    };
    const whole = this.#from(schedule, now);
    const part = { type: 'schedule', isNew: true, schedule: whole } as const;
    const [result] = await stored(this.#deps.commit([[part]]));
    if (result?.status !== 'applied') throw notCreated(result, plan.name);
    return this.#stored(whole);
  }

  /** Creates a schedule, or gives the one of the name another plan; what it has started, and its count, stay. */
  async put(
    caller: Caller,
    plan: SchedulePlan,
    isPaused: boolean,
  ): Promise<ScheduleView & { isNew: boolean }> {
    const known = await stored(this.#deps.store.schedule(caller.userId, plan.name));
    if (known === null) return { ...(await this.create(caller, plan, isPaused)), isNew: true };
    await this.#check(caller, plan);
    const view = await this.#change(caller, plan.name, (schedule, now) =>
      this.#from(
        {
          ...{ ...watchFrom(schedule, now), plan, ...ownerOf(caller), anchor: now, ended: null },
          state: isPaused ? 'paused' : 'active',
        },
        now,
      ),
    );
    return { ...view, isNew: false };
  }

  async list({ userId }: Caller): Promise<ScheduleView[]> {
    return (await stored(this.#deps.store.schedules(userId))).map((schedule) => this.#view(schedule));
  }

  async get(caller: Caller, name: string): Promise<ScheduleView> {
    return this.#view(await this.#own(caller, name));
  }

  /** What became of its due times, the latest first. */
  async runs(caller: Caller, name: string): Promise<ScheduleRun[]> {
    const { id } = await this.#own(caller, name);
    return stored(this.#deps.store.scheduleRuns(id, KEPT_RUNS));
  }

  /** Nothing is due of a paused schedule; what was due meanwhile is not made up for. */
  pause(caller: Caller, name: string): Promise<ScheduleView> {
    return this.#change(caller, name, (schedule) => {
      if (schedule.state === 'ended') throw hasEnded(name);
      return { ...schedule, state: 'paused', silentAt: null };
    });
  }

  resume(caller: Caller, name: string): Promise<ScheduleView> {
    return this.#change(caller, name, (schedule, now) => {
      if (schedule.state === 'ended') throw hasEnded(name);
      return schedule.state === 'active'
        ? schedule
        : this.#from({ ...watchFrom(schedule, now), state: 'active' }, now);
    });
  }

  /**
   * Starts its work now, as its overlap allows.
   *
   * @throws RefusedError
   */
  async run(caller: Caller, name: string): Promise<ScheduleRun> {
    this.#deps.checkOpen();
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const run = await stored(this.#deps.fires.byHand(await this.#own(caller, name), tries));
      if (run !== null) return run;
    }
    throw busy(name);
  }

  async remove(caller: Caller, name: string): Promise<void> {
    const { id, userId } = await this.#own(caller, name);
    const [result] = await stored(this.#deps.commit([[{ type: 'schedule_remove', userId, id }]]));
    if (result?.status !== 'applied') throw notFound(name);
  }

  /** With its next due time after now. */
  #from(schedule: Schedule, now: number): Schedule {
    return goOn(schedule, now, this.#deps.timesOf(schedule.plan.when, schedule.anchor));
  }

  async #check(caller: Caller, plan: SchedulePlan): Promise<void> {
    this.#deps.checkOpen();
    const problem = this.#deps.cronProblem(plan.when, this.#deps.clock.now());
    if (problem !== null) {
      const fields = [{ field: '/cron', message: problem }];
      throw new RefusedError('validation', `/cron: ${problem}`, { fields });
    }
    await this.#deps.checkWork(caller, plan);
  }

  async #change(
    caller: Caller,
    name: string,
    change: (schedule: Schedule, now: number) => Schedule,
  ): Promise<ScheduleView> {
    const { clock, commit } = this.#deps;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const known = await this.#own(caller, name);
      const now = clock.now();
      const schedule = { ...change(known, now), updatedAt: now };
      const [result] = await stored(commit([[{ type: 'schedule', isNew: false, schedule }]]));
      if (result?.status === 'applied') return this.#stored(schedule);
    }
    throw busy(name);
  }

  async #own({ userId }: Caller, name: string): Promise<Schedule> {
    const schedule = await stored(this.#deps.store.schedule(userId, name));
    if (schedule === null) throw notFound(name);
    return schedule;
  }

  #stored(schedule: Schedule): ScheduleView {
    this.#deps.fires.alarm.wake(wakeAt(schedule) ?? undefined);
    return this.#view({ ...schedule, revision: schedule.revision + 1 });
  }

  #view(schedule: Schedule): ScheduleView {
    const { plan, nextAt, state } = schedule;
    const next: number[] = [];
    if (state === 'ended' || nextAt === null) return { schedule, next };
    const times = this.#deps.timesOf(plan.when, schedule.anchor);
    const left = plan.maxRuns === null ? SHOWN_NEXT : plan.maxRuns - schedule.runs;
    for (let at: number | null = nextAt; at !== null && next.length < Math.min(SHOWN_NEXT, left);) {
      if (plan.endsAt !== null && at > plan.endsAt) break;
      next.push(at);
      at = times.next(at);
    }
    return { schedule, next };
  }
}

/** The user whose runs it starts. */
function ownerOf(caller: Caller): Pick<Schedule, 'caller' | 'keyId' | 'submittedBy'> {
  const { scopes, mayRun, credential } = caller;
  return {
    caller: { scopes: [...scopes], mayRun },
    keyId: credential?.type === 'key' ? credential.id : null,
    submittedBy: actingUser(caller),
  };
}

function notCreated(result: GroupResult | undefined, name: string): RefusedError {
  if (result?.status === 'refused' && result.reason === 'too_many_schedules') {
    const detail = `A user may have ${MAX_USER_SCHEDULES} schedules, and all users ${MAX_SCHEDULES}. Remove one that you do not need.`;
    return new RefusedError('too_many_schedules', detail);
  }
  return new RefusedError(
    'schedule_exists',
    `You have a schedule ${quoted(name)} already. Use PUT /v1/schedules/${name} to change it.`,
  );
}

const notFound = (name: string) =>
  new RefusedError('schedule_not_found', `You have no schedule ${quoted(name)}.`);
const hasEnded = (name: string) =>
  new RefusedError(
    'schedule_ended',
    `The schedule ${quoted(name)} has ended. Change it with PUT to begin again.`,
  );
const busy = (name: string) =>
  new RefusedError('internal_error', `The schedule ${quoted(name)} changes all the time. Try again.`);
