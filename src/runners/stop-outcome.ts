// The outcome of an attempt that was told to end.
import type { Outcome, ProcessEnd } from '../domain/outcome.ts';
import type { StopRequest } from '../domain/ports/runner.ts';

type Lost = Extract<Outcome, { cause: 'lost' }>;

/** @param process what became of its processes; null when there were none */
export function stopOutcome(request: StopRequest | Lost, process: ProcessEnd | null): Outcome {
  switch (request.cause) {
    case 'lost':
      return request;
    case 'cancelled':
      // How long it had to end is no part of how it ended.
      return { cause: 'cancelled', reason: request.reason, process };
    case 'total_timeout':
      return { ...request, process };
    default:
      return request satisfies never;
  }
}
