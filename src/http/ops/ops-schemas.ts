// Health, statistics, and what operators have done at once.
import { z } from 'zod';
import { STATUSES } from '../../domain/execution/execution.ts';
import { isolationTier } from '../edge/words.ts';
import { time, count, ms } from '../edge/schemas.ts';
import { cacheStats } from '../cache/cache-schemas.ts';

const offeredTiers = z
  .array(isolationTier)
  .describe('Isolation tiers that the server offers; the first one is the default.');

export const slots = z
  .strictObject({
    max: count.describe('Slots in total.'),
    running: count.describe('Slots in use.'),
    pending: count.describe('Executions that wait for a slot.'),
    available: count.describe('Free slots.'),
  })
  .describe('Use of slots.');

const byStatus = Object.fromEntries(
  STATUSES.map((one) => [one, count.describe(`Executions that are ${one}.`)]),
) as Record<(typeof STATUSES)[number], typeof count>;
const ratio = z.number().min(0).nullable();

export const stats = z
  .strictObject({
    executions: z.strictObject(byStatus).describe('Executions by status.'),
    total: count.describe('Executions in total.'),
    ratios: z
      .strictObject({
        cache_hit: ratio.describe('Cache lookups that found a result.'),
        timeout: ratio.describe('Executions that timed out, of those that have ended.'),
        retry: ratio.describe('Retries, of all attempts.'),
        memory: ratio.describe('Memory of the server, as a part of the memory of its container or machine.'),
      })
      .describe('Ratios since the start of the server; null while nothing has been counted.'),
    concurrency: slots.describe('Slots for processes.'),
    http_concurrency: slots.describe('Slots for HTTP calls.'),
    queue: z
      .strictObject({
        depth: count.describe('Executions that wait.'),
        oldest_age_ms: ms.describe('Age of the oldest one, milliseconds.'),
      })
      .describe('The queue.'),
    write_behind: z
      .strictObject({
        waiting: count.describe('Counters that are not stored yet.'),
        lag_ms: ms.describe('Age of the oldest one, milliseconds.'),
        flushes: count.describe('Writes so far.'),
        failures: count.describe('Writes that failed.'),
      })
      .describe('Output counters of running executions, which are stored with a delay.'),
    store: z
      .strictObject({
        commits: count.describe('Transactions so far.'),
        groups: count.describe('Groups of changes in them.'),
        waiting: count.describe('Groups that wait for a transaction.'),
        commit_ms_mean: z.number().describe('Mean duration of a transaction, milliseconds.'),
      })
      .describe('The store.'),
    runner_host: z
      .strictObject({
        name: z.string().describe('`native` or `node`.'),
        pid: z.int().nullable().describe('Process id; null while it is down.'),
        restarts: count.describe('How often it was restarted.'),
        ready: z.boolean().describe('Whether it can start commands.'),
        isolation: offeredTiers,
      })
      .describe('The process that starts commands.'),
    waiting: z
      .strictObject({
        polls: count.describe('Open long polls.'),
        log_followers: count.describe('Clients that follow a log.'),
      })
      .describe('Open requests that wait.'),
    streams: z
      .strictObject({
        execution: count.describe('Open streams of one execution.'),
        events: count.describe('Open streams of all events.'),
        log: count.describe('Open streams of logs.'),
        attach: count.describe('Open WebSockets.'),
        blocked: count.describe('Streams whose client is not reading.'),
        sent: count.describe('Messages since the start.'),
        cut_slow: count.describe('Streams that were closed because the client did not read.'),
        cut_shutdown: count.describe('Streams that were closed by a shutdown.'),
      })
      .describe('Streams of server-sent events.'),
    cache: cacheStats,
  })
  .describe('Statistics of the server.');

const healthStatus = z.enum(['healthy', 'unhealthy']);
const component = z
  .strictObject({
    status: healthStatus.describe('Whether the component works.'),
    detail: z.string().nullable().describe('Why it does not; null if it does.'),
  })
  .describe('A component.');
export const health = z
  .strictObject({
    status: healthStatus.describe('`healthy` if all components are.'),
    timestamp: time.describe('When this was checked.'),
    version: z.string().describe('Version of execd.'),
    cache_size: count.describe('Results in the cache.'),
    error: z.string().nullable().describe('Detail of the first unhealthy component.'),
    components: z
      .strictObject({
        store: component,
        runner_host: component
          .extend({
            name: z.string().describe('`native` or `node`.'),
            isolation: offeredTiers,
          })
          .describe('The process that starts commands.'),
        intake: component,
        cache: component.describe(
          'The cache. Each check writes a value beside the stored results and reads it back.',
        ),
        logs: component.describe(
          'The directory of logs. execd writes a probe to it every 5 s, and every second while that fails.',
        ),
        data: component
          .extend({
            bytes: count.describe('Bytes of records and logs in the data directory, roughly.'),
            max_bytes: count.describe('The bound, EXECUTION_MAX_DATA_BYTES.'),
          })
          .describe(
            'The size of the data. While it is above its bound, execd removes executions and `detail` names both sizes; the component stays healthy.',
          ),
        feed: component.describe(
          'How this server learns of changes by other servers on the same database. `detail` is the reason for a delay; the component stays healthy.',
        ),
        work_directories: component.describe('The private directories of commands, probed in the same way.'),
      })
      .describe('Components.'),
  })
  .describe('Health of the server.');

export const probe = z
  .strictObject({
    status: z.enum(['ok', 'unavailable']).describe('`ok`, or why not in `reason`.'),
    reason: z.string().nullable().describe('Why the server is unavailable; null if it is not.'),
  })
  .describe('Result of a probe.');
export const flushed = z
  .strictObject({ flushed: count.describe('How many counters execd stored.') })
  .describe('The stored counters.');
