// What the end of an attempt says to the circuit of its target.
import type { Outcome } from '../../domain/outcome.ts';
import { judge } from '../../domain/outcome.ts';
import type { CallEnd, CircuitSettings } from '../../resilience/circuit.ts';

/** What the end of an attempt shows about its target. A target that hangs has failed, whoever set the limit. */
export function callEnd(
  outcome: Outcome,
  { countUserFaults }: Pick<CircuitSettings, 'countUserFaults'>,
): CallEnd {
  const { error } = judge(outcome);
  if (error === null) return 'success';
  switch (outcome.cause) {
    case 'cancelled':
    case 'total_timeout':
    case 'lost':
      return 'ignored';
    case 'attempt_timeout':
    case 'idle_timeout':
      return 'failure';
    default:
      if (error.fault === 'system' || countUserFaults) return 'failure';
      // An answer, though not the one that was hoped for: the target works.
      return outcome.cause === 'http_response' ? 'success' : 'ignored';
  }
}
