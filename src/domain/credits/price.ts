// What executions cost. Amounts are whole credits, the smallest there is: an operator who wants finer prices makes a
// credit worth less. All arithmetic is exact, and rounds up once for each part of a price.
import type { Cost, Rates, Window } from '../cost.ts';
import type { Attempt, Execution } from '../execution/execution.ts';
import { judge, type Outcome } from '../outcome.ts';
import type { Every, Price } from './price-schema.ts';

const BYTES_OF_MB = 1_000_000;
const MS_OF_SECOND = 1000;

/** How an execution begins, as far as its price is concerned. */
export type PricedAs = 'run' | 'joined' | 'hit' | 'plan';

/** What decides how long an execution can run, and how much it can write. */
export type Bounds = Pick<Execution, 'timeouts' | 'outputPolicy' | 'retry'>;

/**
 * What is reserved for a new execution, and the counters that may add to it; null when it is free.
 *
 * @param every counts all executions of the user but plans
 */
export function quote(
  price: Partial<Price> | null,
  every: Every | null,
  as: PricedAs,
  bounds: Bounds,
  name: string,
): { cost: Cost; windows: Window[] } | null {
  const { per_run = 0, per_second = 0, per_mb = 0, hit = 0, joined = 0 } = price ?? {};
  const rates: Rates =
    as === 'hit'
      ? { base: hit, perSecond: 0, perMb: 0, joined: 0 }
      : { base: per_run, perSecond: per_second, perMb: per_mb, joined };
  const windows = [
    ...windowOf('all', as === 'run' ? every : null),
    ...windowOf(name, as === 'run' || as === 'plan' ? price?.every : null),
  ];
  // Who joins a run may come to stand for it, when those before it leave: it reserves as much as a run.
  const reserved = Math.max(reservation(rates, bounds), as === 'joined' ? joined : 0);
  if (reserved === 0 && windows.length === 0) return null;
  return { cost: { rates, reserved, charged: null, balanceAfter: null }, windows };
}

function windowOf(name: string, every: Every | null | undefined): Window[] {
  if (every == null) return [];
  const { executions, window_s, credits } = every;
  return [{ name, executions, windowMs: window_s * MS_OF_SECOND, credits }];
}

/** The most that a run can cost: all of its attempts as long, and as talkative, as they may be. */
export function reservation(
  { base, perSecond, perMb }: Rates,
  { timeouts, outputPolicy, retry }: Bounds,
): number {
  const attempts = retry?.attempts ?? 1;
  const ms = Math.min(attempts * timeouts.attemptMs, timeouts.totalMs ?? Infinity);
  return sum(
    base,
    times(perSecond, ms, MS_OF_SECOND),
    times(perMb, attempts * outputPolicy.maxBytes, BYTES_OF_MB),
  );
}

/**
 * What is charged for an execution that has ended.
 *
 * @param as `left`: the run that it took part in goes on without it, and is paid for by another one
 * @param attemptMs limit of an attempt; what it took to be stopped after that is not charged
 */
export function amountDue(
  { rates, reserved }: Cost,
  as: PricedAs | 'left',
  outcome: Outcome,
  attempts: readonly Pick<Attempt, 'startedAt' | 'endedAt' | 'outcome' | 'output'>[],
  attemptMs: number,
): number {
  if (as === 'left' || isFault(outcome, attempts.at(-1)?.output)) return 0;
  if (as === 'hit' || as === 'plan') return Math.min(rates.base, reserved);
  if (as === 'joined') return Math.min(rates.joined, reserved);
  let [ms, bytes] = [0, 0];
  const started = attempts.filter(({ startedAt }) => startedAt !== null);
  if (started.length === 0) return 0;
  for (const { startedAt, endedAt, outcome: own, output } of started) {
    // An attempt that the service broke off is free.
    if (own === null || isFault(own, output) || startedAt === null || endedAt === null) continue;
    ms += Math.min(Math.max(0, endedAt - startedAt), attemptMs);
    bytes += keptBytes(output);
  }
  const { base, perSecond, perMb } = rates;
  return Math.min(reserved, sum(base, times(perSecond, ms, MS_OF_SECOND), times(perMb, bytes, BYTES_OF_MB)));
}

/**
 * Whether an end is the fault of the service or of the network, and so free. An HTTP call whose target answered is not,
 * whatever the answer was, and however much of it came.
 */
function isFault(outcome: Outcome, output: Output | undefined): boolean {
  if (judge(outcome).error?.fault !== 'system') return false;
  switch (outcome.cause) {
    case 'http_response':
      return false;
    case 'request_failed':
      return output === undefined || keptBytes(output) === 0;
    default:
      return true;
  }
}

type Output = Attempt['output'];
const keptBytes = ({ stdoutKeptBytes, stderrKeptBytes }: Output): number => stdoutKeptBytes + stderrKeptBytes;

/** `rate` for each `unit` of an amount, rounded up. */
function times(rate: number, amount: number, unit: number): number {
  if (rate === 0 || amount === 0) return 0;
  const product = BigInt(rate) * BigInt(amount);
  return toCredits((product + BigInt(unit - 1)) / BigInt(unit));
}

function sum(...parts: number[]): number {
  return toCredits(parts.reduce((whole, part) => whole + BigInt(part), 0n));
}

/** More than any balance is as much as too much. */
function toCredits(amount: bigint): number {
  return amount > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(amount);
}
