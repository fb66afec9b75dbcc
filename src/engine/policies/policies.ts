// What operations, programs and hosts have in common between their executions: circuits, retry budgets, observed times.
// Circuits are kept over a restart; the rest is in memory, and starts empty with the process.
import type { Execution } from '../../domain/execution/execution.ts';
import { operationOf } from '../../domain/execution/execution.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { Caller } from '../../domain/spec/access.ts';
import { circuitOfLane } from '../../domain/webhooks/webhooks.ts';
import { AdaptiveTimeout, type AdaptiveTimeoutSettings } from './adaptive-timeout.ts';
import type { Circuits } from '../../resilience/circuits.ts';
import type { Circuit, CircuitSettings, CircuitView } from '../../resilience/circuit.ts';
import { callEnd } from './call-end.ts';
import { RetryBudget, type RetryBudgetSettings } from './retry.ts';

/** What is configured now. Asked each time, so that a reload takes effect. */
export interface PolicySource {
  circuitOf(execution: Pick<Execution, 'spec' | 'work'>): { name: string; settings: CircuitSettings } | null;
  /** All circuits that there can be, by name. */
  circuits(): ReadonlyMap<string, CircuitSettings>;
  retryBudgetOf(operation: string): RetryBudgetSettings;
  adaptiveTimeoutOf(operation: string): AdaptiveTimeoutSettings | null;
}

/** An attempt that was let through. */
export interface Pass {
  /** To be called once, with how it ended; null when nobody knows. */
  done(outcome: Outcome | null, durationMs: number): void;
}

export class Policies {
  readonly circuits: Circuits;
  readonly #source: PolicySource;
  readonly #nowMs: () => number;
  readonly #budgets = new Map<string, { settings: string; budget: RetryBudget }>();
  readonly #adaptive = new Map<string, { settings: string; timeout: AdaptiveTimeout }>();

  /** @param nowMs a monotonic clock */
  constructor(source: PolicySource, circuits: Circuits, nowMs: () => number) {
    this.#source = source;
    this.#nowMs = nowMs;
    this.circuits = circuits;
  }

  /** What ends an execution before it has begun; null when nothing does. Counts it as refused. */
  refusal(execution: Pick<Execution, 'spec' | 'work'>): Outcome | null {
    const circuit = this.#circuit(execution);
    if (circuit?.waitMs == null) return null;
    return circuitOpen(circuit, circuit.reject().waitMs);
  }

  /** Whether the circuit of an execution is open. */
  isOpen(execution: Pick<Execution, 'spec' | 'work'>): boolean {
    return this.#circuit(execution)?.waitMs != null;
  }

  /** The circuit that an execution belongs to, as it is; null where there is none. */
  viewOf(execution: Pick<Execution, 'spec' | 'work'>): CircuitView | null {
    return this.#circuit(execution)?.view() ?? null;
  }

  /** Lets an attempt through, or says how it ends instead. */
  admit(execution: Execution): Pass | { outcome: Outcome } {
    const circuit = this.#circuit(execution);
    let tell: (outcome: Outcome | null) => void = () => undefined;
    if (circuit !== null) {
      const ticket = circuit.admit();
      if ('waitMs' in ticket) return { outcome: circuitOpen(circuit, ticket.waitMs) };
      tell = (outcome) => {
        const isTelling = outcome !== null && !isOwnLimit(execution.spec, outcome);
        circuit.record(ticket, isTelling ? callEnd(outcome, circuit.settings) : 'ignored');
      };
    }
    const operation = operationOf(execution);
    if (execution.attempts.length === 1) this.budgetOf(execution)?.earn();
    return {
      done: (outcome, durationMs) => {
        tell(outcome);
        const isTimed =
          outcome !== null &&
          (isSuccess(outcome) ||
            (outcome.cause === 'attempt_timeout' && !isOwnLimit(execution.spec, outcome)));
        if (operation !== null && isTimed) this.adaptiveTimeout(operation)?.note(durationMs);
      },
    };
  }

  /** Null where there is no operation: its retries are then as asked for. */
  budgetOf(execution: Pick<Execution, 'spec'>): RetryBudget | null {
    const operation = operationOf(execution);
    if (operation === null) return null;
    const settings = this.#source.retryBudgetOf(operation);
    const known = this.#budgets.get(operation);
    if (known?.settings === JSON.stringify(settings)) return known.budget;
    const budget = new RetryBudget(settings, this.#nowMs);
    this.#budgets.set(operation, { settings: JSON.stringify(settings), budget });
    return budget;
  }

  /** Null when the operation has none. */
  adaptiveTimeout(operation: string): AdaptiveTimeout | null {
    const settings = this.#source.adaptiveTimeoutOf(operation);
    if (settings === null) return null;
    const known = this.#adaptive.get(operation);
    if (known?.settings === JSON.stringify(settings)) return known.timeout;
    const timeout = new AdaptiveTimeout(settings);
    this.#adaptive.set(operation, { settings: JSON.stringify(settings), timeout });
    return timeout;
  }

  /**
   * The limit of the attempts that follows what was observed, milliseconds; null where there is none, or the request
   * names its own.
   */
  adaptiveLimitMs(spec: Execution['spec']): number | null {
    if (spec.kind !== 'operation' || spec.timeouts?.attempt_ms !== undefined) return null;
    return this.adaptiveTimeout(spec.name)?.currentMs ?? null;
  }

  /** Forgets what is not configured any more. */
  prune(): void {
    const configured = this.#source.circuits();
    for (const { name } of this.circuits.all())
      if (isOfTarget(name) && !configured.has(name)) this.circuits.forget(name);
  }

  views(): CircuitView[] {
    return this.circuits.all().map((circuit) => circuit.view());
  }

  /** Those that a caller may see: receivers of webhooks are their users' business. */
  viewsFor({ userId, scopes }: Pick<Caller, 'userId' | 'scopes'>): CircuitView[] {
    const isSeen = (name: string) =>
      isOfTarget(name) || scopes.has('admin') || name.startsWith(circuitOfLane(`${userId} `));
    return this.views().filter(({ name }) => isSeen(name));
  }

  /** The circuit of a name, also where nothing has asked for it; null where none is configured. */
  circuit(name: string): Circuit | null {
    const settings = this.#source.circuits().get(name);
    return settings === undefined ? this.circuits.find(name) : this.circuits.get(name, settings);
  }

  #circuit(execution: Pick<Execution, 'spec' | 'work'>): Circuit | null {
    const found = this.#source.circuitOf(execution);
    return found === null ? null : this.circuits.get(found.name, found.settings);
  }
}

/** Whether a circuit is one of an operation, a program or a host; others protect receivers of webhooks. */
export const isOfTarget = (name: string): boolean => /^(operation|program|host):/.test(name);

function circuitOpen(circuit: Circuit, waitMs: number): Outcome {
  return { cause: 'circuit_open', circuit: circuit.name, retryAfterMs: Math.ceil(waitMs) };
}

/** Whether a limit of the request itself ended it, which is no fact about its operation, program or host. */
function isOwnLimit(spec: Execution['spec'], outcome: Outcome): boolean {
  switch (outcome.cause) {
    case 'attempt_timeout':
      return spec.timeouts !== undefined && 'attempt_ms' in spec.timeouts;
    case 'idle_timeout':
      return spec.timeouts !== undefined && 'idle_ms' in spec.timeouts;
    case 'resource_limit':
      return 'limits' in spec && spec.limits?.[outcome.limit] !== undefined;
    case 'output_limit':
      return 'output' in spec && spec.output?.max_bytes !== undefined;
    default:
      return false;
  }
}

function isSuccess(outcome: Outcome): boolean {
  return (
    (outcome.cause === 'exited' && outcome.exitCode === 0) ||
    (outcome.cause === 'http_response' && outcome.isExpected)
  );
}
