// Why an execution is as it is: what waits, what ended it, what was retried, what the cache had.
import { SLOT_KINDS } from '../../domain/kinds.ts';
import { z } from 'zod';
import { CACHE_REASONS, NOT_RETRIED, WAITING_FOR } from '../../domain/execution/explained.ts';
import { MONITOR_EVENTS } from '../../domain/spec/monitor.ts';
import { CAUSES } from '../../domain/outcome.ts';
import { circuit } from '../cache/cache-schemas.ts';
import { count, ms, problem, time } from '../edge/schemas.ts';
import { errorCode, errorType, fault, isolationTier, kind, status } from '../edge/words.ts';
import { processEnd } from '../executions/outcome-schemas.ts';
import { execution, resources } from '../executions/schemas.ts';

const words = z.string().describe('The same in words.');
const otherExecution = z
  .strictObject({
    id: z.string().describe('Its id.'),
    created: time.describe('When it was accepted, or when its result was stored.'),
    key: z.string().describe('Its cache key.'),
  })
  .describe('Another execution.');

const waiting = z
  .strictObject({
    reason: z
      .enum(WAITING_FOR)
      .describe(
        '`concurrency_limit`, `user_limit`, `no_free_slot`: the limit that holds it. `no_runner`: no server serves its pool. `turn`: it is about to start. `start_time`: it waits for its start time. `retry_time`: it waits between two attempts. `joined`: it waits for the run of another execution.',
      ),
    words,
    position: count.nullable().describe('Executions before it; null if it is not in the queue.'),
    ahead: z
      .strictObject({
        higher_priority: count.describe('Of a higher priority.'),
        own: count.describe('Of the same user.'),
        others: count.describe('Executions of other users with earlier turns.'),
      })
      .nullable()
      .describe('The executions before it, by the reason.'),
    slots: z
      .strictObject({
        kind: z.enum(SLOT_KINDS).describe('Processes or HTTP calls.'),
        total: count.describe('Slots in total.'),
        running: count.describe('Slots in use.'),
        mean_ms: z.number().nullable().describe('Mean duration of recent attempts, milliseconds.'),
      })
      .describe('The slots of this server.'),
    pool: z
      .strictObject({
        name: z.string().describe('The name of the pool.'),
        servers: z
          .array(z.string())
          .nullable()
          .describe('Names of the servers that serve it; null if this server does.'),
      })
      .describe('The pool that it waits for.'),
    concurrency: z
      .strictObject({
        key: z.string().describe('The scope of the limit.'),
        limit: count.describe('Executions at a time.'),
        running: count.describe('Executions that run with this key.'),
      })
      .nullable()
      .describe('Its concurrency key; null without one.'),
    user: z
      .strictObject({
        running: count.describe('Executions of the user that run.'),
        limit: count.nullable().describe('How many may; null: any number.'),
      })
      .describe('The limit of its user.'),
    circuit: circuit.nullable().describe('The circuit that it belongs to; null without one.'),
    retry_at: time.nullable().describe('When it enters the queue again.'),
    deadline: z
      .strictObject({
        name: z.string().describe('The clock, such as `timeouts.queue_ms`.'),
        at: time.describe('When it ends.'),
      })
      .nullable()
      .describe('The clock that ends it if it still waits then; null: none.'),
    estimate_ms: ms
      .nullable()
      .describe('The estimated time until it starts, milliseconds; null if it cannot be estimated.'),
  })
  .describe('Why it waits.');

const ending = z
  .strictObject({
    cause: z.enum(CAUSES).describe('The cause of its outcome.'),
    error: z
      .strictObject({ code: errorCode, type: errorType, fault })
      .nullable()
      .describe('The error; null if it completed.'),
    message: z.string().describe('The end as a sentence.'),
    meaning: z.string().nullable().describe('The meaning and the usual cause; null if the message has both.'),
    limit: z
      .strictObject({
        name: z.string().describe('The clock or limit, such as `timeouts.attempt_ms`.'),
        value: count.describe('Its value.'),
        unit: z.enum(['ms', 'bytes', 's', 'count']).describe('Unit of the value.'),
      })
      .nullable()
      .describe('The clock or limit that ended it; null: none did.'),
    process: processEnd.nullable().describe('How its processes ended; null without processes.'),
    last_output: z
      .strictObject({
        stream: z.enum(['stdout', 'stderr']).describe('The stream of the line.'),
        text: z.string().describe('At most 10 lines. execd escapes control characters.'),
      })
      .nullable()
      .describe('The last lines that it wrote, if it did not complete.'),
    resources: resources.nullable().describe('The resources that its last attempt used.'),
    host: z
      .strictObject({
        runner: z.string().describe('Name of the runner host.'),
        attempt: z.int().min(1).describe('Number of the last attempt.'),
        isolation: isolationTier,
      })
      .nullable()
      .describe('The runner of its last attempt; null if it had none.'),
    advice: z.array(z.string()).describe('The remedy.'),
  })
  .describe('The reason of its end.');

const attemptWhy = z
  .strictObject({
    number: z.int().min(1).describe('From 1.'),
    cause: z.enum(CAUSES).nullable().describe('How it ended; null while it runs.'),
    message: z.string().nullable().describe('Why it did not complete; null if it did.'),
    retried: z.boolean().describe('Whether another attempt followed, or will.'),
    why_not: z.enum(NOT_RETRIED).nullable().describe('Why no attempt followed; null if one did.'),
    words,
    wait_ms: ms.nullable().describe('Time until the next attempt was claimed, milliseconds.'),
  })
  .describe('An attempt, and whether it was retried.');

const cacheWhy = z
  .strictObject({
    key: z.string().describe('Its cache key.'),
    reason: z
      .enum(CACHE_REASONS)
      .describe(
        '`other_key`: a similar execution has another key. `not_kept`, `expired`, `removed`: the result with this key no longer exists. `under_way`: a run with this key could not be joined.',
      ),
    words,
    other: otherExecution.nullable().describe('The execution that the reason is about.'),
    differences: z
      .array(
        z
          .strictObject({
            field: z.string().describe('Path of the field, such as `params.region`.'),
            here: z.string().nullable().describe('Its value as JSON, cut to 200 characters; null: absent.'),
            there: z.string().nullable().describe('The value of the other execution.'),
          })
          .describe('A field of the cache key.'),
      )
      .describe('For `other_key`: the fields in which the keys differ, at most 20.'),
  })
  .describe('The result of the cache lookup, and its reason.');

const rerun = z
  .strictObject({
    accepted: z.boolean().describe('Whether execd would accept it now.'),
    problem: problem.nullable().describe('Why execd would reject it.'),
    begins: z
      .enum(['hit', 'joined', 'running', 'queued', 'scheduled', 'refused_by_circuit'])
      .nullable()
      .describe('How it would begin; null for a plan.'),
    may_help: z.boolean().describe('Whether it can end differently without a change.'),
    words,
  })
  .describe('The effect of a rerun now.');

const stepWhy = z
  .strictObject({
    step: z.string().describe('Name of the step.'),
    status: z.enum([...status.options, 'skipped']).describe('Status of the step.'),
    execution_id: z.string().nullable().describe('Its execution; null if it has none.'),
    words,
    first: z
      .boolean()
      .describe('Whether it failed before all others. The first failure often causes the others.'),
  })
  .describe('A step that did not complete.');

export const explanation = z
  .strictObject({
    id: z.string().describe('Id of the execution.'),
    kind,
    status,
    phase: execution.shape.phase,
    summary: z.string().describe('A summary in a few sentences.'),
    waited_ms: ms.describe('Time from its acceptance to its first attempt, or until now, milliseconds.'),
    waiting: waiting.nullable().describe('Why it waits; null if it does not.'),
    end: ending.nullable().describe('The reason of its end; null until the end.'),
    told: z
      .array(
        z.strictObject({
          event: z.enum(MONITOR_EVENTS).describe('The event.'),
          time: time.describe('When execd reported it.'),
          words,
        }),
      )
      .describe('The reports of its monitor, the oldest first.'),
    attempts: z.array(attemptWhy).describe('All attempts, the first one first.'),
    cache: cacheWhy.nullable().describe('The cache; null if it does not use it.'),
    rerun: rerun.nullable().describe('The effect of a rerun now; null until the end.'),
    steps: z
      .array(stepWhy)
      .nullable()
      .describe('For a plan: at most 100 steps that did not complete, failed ones first. Null otherwise.'),
    steps_left_out: count.describe('For a plan: the number of further ones.'),
  })
  .describe('Why an execution waits, or why it ended.');
export type ExplanationWire = z.infer<typeof explanation>;

export const explainComponents = {
  Explanation: explanation,
  WhyWaiting: waiting,
  WhyEnded: ending,
  WhyRetried: attemptWhy,
  WhyMissed: cacheWhy,
  WhatOnRerun: rerun,
  StepWhy: stepWhy,
};
