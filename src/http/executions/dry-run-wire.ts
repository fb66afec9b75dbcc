// A dry run as it goes over the wire.
import type { z } from 'zod';
import { resultBytesOf } from '../../domain/execution/result-text.ts';
import type { Spec } from '../../domain/spec/spec.ts';
import type { DryRun } from '../../engine/engine.ts';
import { toProblem } from '../edge/error-handler.ts';
import type { dryRun } from './schemas.ts';
import { toCache } from './cache-use.ts';
import { toWireTimes } from '../../domain/spec/times.ts';
import { toLimits, toMonitor, toStop } from './wire.ts';

export function toDryRun(
  spec: Spec,
  { refusal, begins, execution, onLimit, cost }: DryRun,
): z.infer<typeof dryRun> {
  return {
    dry_run: true,
    accepted: refusal === null,
    problem: refusal === null ? null : toProblem(refusal),
    begins,
    kind: spec.kind,
    operation: spec.kind === 'operation' ? spec.name : null,
    policy: execution === null ? null : toPolicy(execution, onLimit),
    cache: execution === null ? null : toCache(execution, null),
    cost,
  };
}

function toPolicy(execution: NonNullable<DryRun['execution']>, onLimit: DryRun['onLimit']) {
  const { timeouts, limits, stop, retry, retrySafe, outputPolicy, concurrency, priority } = execution;
  return {
    timeouts: toWireTimes(timeouts),
    monitor: toMonitor(execution),
    limits: toLimits(limits),
    stop: toStop(stop),
    retry:
      retry === null
        ? null
        : {
            attempts: retry.attempts,
            multiplier: retry.multiplier,
            min_ms: retry.minMs,
            max_ms: retry.maxMs,
            jitter: retry.jitter,
          },
    retry_safe: retrySafe,
    output: {
      max_bytes: outputPolicy.maxBytes,
      oversized: outputPolicy.oversized,
      result_bytes: resultBytesOf(outputPolicy),
      parse: outputPolicy.parse,
    },
    concurrency,
    priority,
    on_limit: onLimit,
  };
}
