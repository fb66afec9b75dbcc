// Reports over what has ended.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type FieldProblem, RefusedError } from '../../domain/errors.ts';
import { FINAL_STATUSES, CAUSES, type FinalStatus } from '../../domain/outcome.ts';
import type { Spread } from '../../domain/execution/report.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import { operationName } from '../../domain/spec/spec.ts';
import type { Engine } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { instant } from '../edge/query.ts';
import { count, ms, time } from '../edge/schemas.ts';
import { isoTime } from '../edge/times.ts';
import { errorCode } from '../edge/words.ts';

const DAY_MS = 24 * 3600 * 1000;

const reportQuery = z.strictObject({
  from: instant.optional().describe('Only what ended at or after this time. Default: 24 hours before `to`.'),
  to: instant.optional().describe('Only what ended before this time. Default: now.'),
  operation: operationName.optional().describe('Only this operation.'),
});

const spread = z
  .strictObject({
    average: ms.describe('Mean, milliseconds.'),
    min: ms.describe('Least, milliseconds.'),
    max: ms.describe('Most, milliseconds.'),
    p50: ms.describe('Median, milliseconds.'),
    p95: ms.describe('95th percentile, milliseconds.'),
    p99: ms.describe('99th percentile, milliseconds.'),
  })
  .describe('How durations are spread.');

const byStatus = Object.fromEntries(
  FINAL_STATUSES.map((one) => [one, count.describe(`Executions that are ${one}.`)]),
) as Record<FinalStatus, typeof count>;

const operationReport = z
  .strictObject({
    type: z.string().describe('Name of the operation; without one, the kind.'),
    count: count.describe('Executions that ended.'),
    by_status: z.strictObject(byStatus).describe('The same by status.'),
    success_ratio: z
      .number()
      .nullable()
      .describe('Completed, of all that were not cancelled; null: all were.'),
    retries: count.describe('Attempts beyond the first.'),
    late: count.describe('Executions that a monitor reported as late to start or to end.'),
    stuck: count.describe('Executions that a monitor reported as stuck.'),
    wait_ms: spread.nullable().describe('Time from the acceptance to the first attempt.'),
    run_ms: spread.nullable().describe('Time from the first start to the last end.'),
    errors: z
      .array(
        z
          .strictObject({
            code: errorCode,
            cause: z.enum(CAUSES).describe('How they ended.'),
            count: count.describe('How many.'),
          })
          .describe('An error.'),
      )
      .describe('Why executions did not complete, the most frequent first.'),
  })
  .describe('The figures of an operation.');

const operationsReport = z
  .strictObject({
    from: time.describe('Begin of the window.'),
    to: time.describe('End of the window.'),
    count: count.describe('Executions that the report counts.'),
    complete: z
      .boolean()
      .describe(
        'Whether these are all. A report counts at most the last 50,000 executions that ended in the window.',
      ),
    operations: z.array(operationReport).describe('Each operation or kind, the most frequent first.'),
  })
  .describe('The executions that ended in a window of time.');

export const reportComponents = {
  OperationsReport: operationsReport,
  OperationReport: operationReport,
  DurationSpread: spread,
};

export function reportRoutes(
  app: FastifyInstance,
  { engine, clock }: { engine: Engine; clock: Clock },
): void {
  app.route<{ Querystring: z.output<typeof reportQuery> }>({
    method: 'GET',
    url: '/v1/reports/operations',
    config: { access: 'read' },
    schema: {
      operationId: 'reportOperations',
      summary: 'Report on operations over a window of time',
      description:
        'Counts your executions that ended in the window and that execd still keeps: by status and by error, with the spread of their waits and runs. Steps of plans count, too.',
      tags: ['server'],
      querystring: reportQuery,
      response: { 200: json('The report.', operationsReport) },
    },
    async handler({ caller, query }): Promise<z.infer<typeof operationsReport>> {
      const to = query.to ?? clock.now();
      const from = query.from ?? to - DAY_MS;
      if (from >= to) {
        const fields: FieldProblem[] = [{ field: '?from', message: 'must be before to' }];
        throw new RefusedError('validation', '?from: must be before to', { fields });
      }
      const { userId } = caller;
      const {
        operations,
        count: counted,
        isComplete,
      } = await engine.report({
        ...{ userId, from, to, operation: query.operation ?? null },
      });
      return {
        ...{ from: isoTime(from), to: isoTime(to), count: counted, complete: isComplete },
        operations: operations.map(
          ({ type, count: n, byStatus: by, successRatio, retries, late, stuck, wait, run, errors }) => ({
            ...{ type, count: n, by_status: by, success_ratio: successRatio, retries, late, stuck, errors },
            ...{ wait_ms: rounded(wait), run_ms: rounded(run) },
          }),
        ),
      };
    },
  });
}

function rounded(of: Spread): z.infer<typeof spread> | null {
  if (of === null) return null;
  return Object.fromEntries(Object.entries(of).map(([name, value]) => [name, Math.round(value)])) as z.infer<
    typeof spread
  >;
}
