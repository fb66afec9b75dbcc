// Schedules: work that starts again and again.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { hasSteps } from '../../domain/kinds.ts';
import { quoted, RefusedError } from '../../domain/errors.ts';
import type { SchedulePlan, ScheduleRun } from '../../domain/schedules/schedule.ts';
import { scheduleName } from '../../domain/schedules/schedule-schema.ts';
import { planSpec, type PlanSpec } from '../../domain/spec/plan.ts';
import type { Engine, ScheduleView } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { shortly } from '../edge/audit.ts';
import { isoOrNull, isoTime } from '../edge/times.ts';
import { ACCEPT_REFUSALS } from '../executions/accepting.ts';
import {
  type CreateSchedule,
  type PutSchedule,
  type ScheduleBodies,
  schedule,
  scheduleList,
  scheduleParams,
  scheduleRun,
  scheduleRunList,
  type ScheduleWire,
} from './schedule-schemas.ts';

interface One {
  Params: z.infer<typeof scheduleParams>;
}
const tags = ['schedules'];
const one = { tags, params: scheduleParams };

export function scheduleRoutes(
  app: FastifyInstance,
  { engine, bodies }: { engine: Engine; bodies: ScheduleBodies },
): void {
  createRoutes(app, engine, bodies);
  readRoutes(app, engine);
  changeRoutes(app, engine);
}

/** What the audit log tells: which schedule it is, when it is due, and what it runs. */
function audited(request: FastifyRequest, { name, when, work }: SchedulePlan): void {
  const { cron, every_ms: every, at } = when;
  request.auditFacts = { schedule: name, when: cron ?? at ?? `every ${every} ms`, what: shortly(work) };
}

function createRoutes(app: FastifyInstance, { schedules }: Engine, bodies: ScheduleBodies): void {
  app.route<{ Body: CreateSchedule }>({
    method: 'POST',
    url: '/v1/schedules',
    config: { access: 'submit', refuses: [409, ...ACCEPT_REFUSALS] },
    schema: {
      operationId: 'createSchedule',
      summary: 'Create a schedule',
      description:
        'execd checks the work, stores the schedule, and starts the execution or plan at each due time, as you and under the policy at that time.',
      tags,
      body: bodies.create,
      response: { 201: json('Created.', schedule, { headers: ['Location'] }) },
    },
    async handler(request, reply) {
      const plan = toPlan(request.body.name, request.body);
      audited(request, plan);
      const view = await schedules.create(request.caller, plan, request.body.paused);
      reply.code(201).header('location', `/v1/schedules/${plan.name}`);
      return toWire(view);
    },
  });

  app.route<One & { Body: PutSchedule }>({
    method: 'PUT',
    url: '/v1/schedules/:name',
    config: { access: 'submit', refuses: [409, ...ACCEPT_REFUSALS] },
    schema: {
      operationId: 'putSchedule',
      summary: 'Create or replace a schedule',
      description:
        'Creates the schedule of this name, or replaces it. Its history stays. A schedule that has ended begins again.',
      ...one,
      body: bodies.put,
      response: {
        200: json('Replaced.', schedule),
        201: json('Created.', schedule, { headers: ['Location'] }),
      },
    },
    async handler(request, reply) {
      const { params, body } = request;
      const plan = toPlan(nameOf(params), body);
      audited(request, plan);
      const { isNew, ...view } = await schedules.put(request.caller, plan, body.paused);
      if (isNew) reply.code(201).header('location', `/v1/schedules/${plan.name}`);
      return toWire(view);
    },
  });
}

function readRoutes(app: FastifyInstance, { schedules }: Engine): void {
  app.route({
    method: 'GET',
    url: '/v1/schedules',
    config: { access: 'read' },
    schema: {
      operationId: 'listSchedules',
      summary: 'List schedules',
      description: 'Lists your schedules with their next due times.',
      tags,
      response: { 200: json('All of them.', scheduleList) },
    },
    handler: async ({ caller }) => ({ items: (await schedules.list(caller)).map(toWire) }),
  });

  app.route<One>({
    method: 'GET',
    url: '/v1/schedules/:name',
    config: { access: 'read' },
    schema: {
      operationId: 'getSchedule',
      summary: 'Get a schedule',
      description: 'Returns a schedule with its next due times.',
      ...one,
      response: { 200: json('The schedule.', schedule) },
    },
    handler: async ({ params, caller }) => toWire(await schedules.get(caller, params.name)),
  });

  app.route<One>({
    method: 'GET',
    url: '/v1/schedules/:name/runs',
    config: { access: 'read' },
    schema: {
      operationId: 'listScheduleRuns',
      summary: 'List the results of due times',
      description: 'Lists the latest due times: started, waiting, skipped, missed or refused.',
      ...one,
      response: { 200: json('The latest first.', scheduleRunList) },
    },
    handler: async ({ params, caller }) => ({
      items: (await schedules.runs(caller, params.name)).map(toRun),
    }),
  });
}

const ACTIONS = {
  pause: {
    operationId: 'pauseSchedule',
    summary: 'Pause a schedule',
    description:
      'It starts nothing until you resume it. Running work continues. execd does not serve the due times of the pause later.',
  },
  resume: {
    operationId: 'resumeSchedule',
    summary: 'Resume a schedule',
    description: 'It continues with its next due time.',
  },
} as const;

function changeRoutes(app: FastifyInstance, { schedules }: Engine): void {
  for (const action of ['pause', 'resume'] as const) {
    app.route<One>({
      method: 'POST',
      url: `/v1/schedules/:name/${action}`,
      config: { access: 'submit', refuses: [409] },
      schema: { ...ACTIONS[action], ...one, response: { 200: json('The schedule.', schedule) } },
      async handler(request) {
        request.auditFacts = { schedule: request.params.name };
        return toWire(await schedules[action](request.caller, request.params.name));
      },
    });
  }

  app.route<One>({
    method: 'POST',
    url: '/v1/schedules/:name/run',
    config: { access: 'submit', refuses: [409, ...ACCEPT_REFUSALS] },
    schema: {
      operationId: 'runSchedule',
      summary: 'Run a schedule now',
      description:
        'Starts the work of the schedule, as its `overlap` allows, also if it is paused or has ended. Its due times do not change.',
      ...one,
      response: { 202: json('The result of the due time.', scheduleRun) },
    },
    async handler(request, reply) {
      request.auditFacts = { schedule: request.params.name };
      const run = await schedules.run(request.caller, request.params.name);
      return reply.code(202).send(toRun(run));
    },
  });

  app.route<One>({
    method: 'DELETE',
    url: '/v1/schedules/:name',
    config: { access: 'submit' },
    schema: {
      operationId: 'deleteSchedule',
      summary: 'Remove a schedule and its history',
      description: 'Work that it has started continues.',
      ...one,
      response: { 204: { description: 'Removed.' } },
    },
    async handler(request, reply) {
      request.auditFacts = { schedule: request.params.name };
      await schedules.remove(request.caller, request.params.name);
      return reply.code(204).send();
    },
  });
}

function nameOf(params: One['Params']): string {
  const name = scheduleName.safeParse(params.name);
  if (name.success) return name.data;
  const message = `${name.error.issues[0]?.message}, not ${quoted(params.name)}`;
  throw new RefusedError('validation', `The name in the path ${message}.`, {
    fields: [{ field: 'name', message }],
  });
}

function toPlan(name: string, body: PutSchedule): SchedulePlan {
  const { cron, every_ms, at, timezone, execution, plan, ends_at: endsAt } = body;
  return {
    name,
    description: body.description ?? null,
    when: { cron, every_ms, at, timezone },
    work: execution ?? toPlanSpec(plan as NonNullable<typeof plan>),
    ...{ overlap: body.overlap, misfire: body.misfire, maxCatchUp: body.max_catch_up },
    ...{ jitterMs: body.jitter_ms, maxRuns: body.max_runs ?? null },
    endsAt: endsAt === undefined ? null : Date.parse(endsAt),
    silentAfterMs: body.silent_after_ms ?? null,
  };
}

/** Its id would make every run the first one. */
function toPlanSpec({ id: _id, ...plan }: NonNullable<PutSchedule['plan']>): PlanSpec {
  return planSpec(plan);
}

function toWire({ schedule: one, next }: ScheduleView): ScheduleWire {
  const { plan, state, ended } = one;
  const { when, work, endsAt } = plan;
  const { webhook: _webhook, ...rest } = work;
  const { secret: _secret, ...webhook } = work.webhook ?? {};
  const shown = { ...rest, ...(work.webhook === undefined ? {} : { webhook }) } as Record<string, unknown>;
  return {
    ...{ name: plan.name, description: plan.description, state, ended_because: ended },
    ...{ cron: when.cron ?? null, every_ms: when.every_ms ?? null },
    at: when.at === undefined ? null : isoTime(Date.parse(when.at)),
    timezone: when.timezone ?? 'UTC',
    ...{ overlap: plan.overlap, misfire: plan.misfire, max_catch_up: plan.maxCatchUp },
    ...{ jitter_ms: plan.jitterMs, max_runs: plan.maxRuns, ends_at: isoOrNull(endsAt) },
    ...{ silent_after_ms: plan.silentAfterMs, silent_since: isoOrNull(one.silentAt) },
    last_completed: isoOrNull(one.completedAt),
    next: next.map(isoTime),
    ...{ last: isoOrNull(one.lastAt), last_id: one.lastId, runs: one.runs, waiting: one.waiting.length },
    ...(hasSteps(work) ? { execution: null, plan: shown } : { execution: shown, plan: null }),
    ...{ user_id: one.userId, created: isoTime(one.createdAt), updated: isoTime(one.updatedAt) },
  };
}

function toRun({
  dueAt,
  at,
  result,
  executionId,
  error,
  detail,
  isManual,
}: ScheduleRun): z.infer<typeof scheduleRun> {
  return {
    ...{ due: isoTime(dueAt), decided: isoTime(at), result, id: executionId },
    ...{ error: error as z.infer<typeof scheduleRun>['error'], detail, by_hand: isManual },
  };
}
