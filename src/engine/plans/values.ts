// What references and conditions of a plan see of its steps: plain values, read from the store and the logs when they are
// asked for, and forgotten soon after.
import { hasSteps, isWait } from '../../domain/kinds.ts';
import { type FinishedExecution, isFinished, resultValue } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { Outcome } from '../../domain/outcome.ts';
import { judge } from '../../domain/outcome.ts';
import type { ValueExpression } from '../../domain/plans/conditions.ts';
import type { StepSpec } from '../../domain/spec/plan.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Journal, StreamName } from '../../domain/ports/journal.ts';
import { findReferences, readPath, resolve, type Scope } from '../../domain/plans/references.ts';
import { withLog } from '../read/log-source.ts';
import { compileAll, type ExpressionDeps, rootsOf, workOut } from './expressions.ts';

/** A step that has ended. */
export interface EndedStep {
  step: StepSpec;
  /** Of a round in a loop: what is known to it alone. */
  round: Readonly<Record<string, unknown>> | null;
  status: string;
  executionId: ExecutionId | null;
  /** Of one that failed without an execution. */
  outcome: Outcome | null;
}

/** What is asked of a step. */
export const FACTS = ['stdout', 'stderr', 'outputs', 'artifacts'] as const;
export type Fact = (typeof FACTS)[number];
export type StepValue = Record<string, unknown>;

/** Bytes of output that a reference reads at most: beyond that it has no value. */
const MAX_TEXT_BYTES = 1024 * 1024;

/** A reference or condition that cannot be given its value; the message says why. */
export class ValueError extends Error {}

export interface ValuesDeps extends ExpressionDeps {
  store: Pick<Store, 'get' | 'files'>;
  journal: Journal;
}

/** The values of one step, with the facts that are asked for beside those that are always there. */
export async function stepValue(
  { step, round, status, executionId, outcome }: EndedStep,
  facts: ReadonlySet<Fact>,
  deps: ValuesDeps,
): Promise<StepValue> {
  const execution = executionId === null ? null : await deps.store.get(null, executionId);
  if (execution === null || !isFinished(execution)) {
    if (executionId !== null) throw new ValueError(`the result of the step ${step.name} was removed`);
    return { status, execution_id: null, ...(outcome === null ? {} : { error: errorOf(outcome) }) };
  }
  const end = execution.outcome;
  const value: StepValue = {
    status,
    execution_id: executionId,
    result: resultValue(execution.result),
    error: errorOf(end),
    ...(isWait(step) ? { value: resultValue(execution.result) } : {}),
    ...(end.cause === 'exited' ? { exit_code: end.exitCode } : {}),
  };
  const wanted = new Set<Fact>(facts);
  const makesOutputs = facts.has('outputs') && !hasSteps(step) && status === 'completed';
  const outputs = makesOutputs ? (step.outputs ?? null) : null;
  const references = findReferences(outputs).references.map(({ reference }) => reference);
  const compiled = await compileAll(references, execution.userId, deps);
  for (const root of references.flatMap((reference) => rootsOf(reference, compiled)))
    if (root === 'stdout' || root === 'stderr') wanted.add(root);
  for (const stream of ['stdout', 'stderr'] as const)
    if (wanted.has(stream)) value[stream] = await textOf(execution, stream, deps.journal);
  if (wanted.has('artifacts')) value.artifacts = await artifactsOf(execution, deps.store);
  if (facts.has('outputs') && hasSteps(step)) value.outputs = value.result;
  if (outputs !== null) {
    const known: StepValue = { ...value, ...round };
    const place: Scope = ({ root, path }) => readPath(known[root], path);
    const roots = (expression: ValueExpression) => pick(known, expression.roots);
    const worked = await workOut(references, compiled, { place, roots }, execution.userId, deps);
    value.outputs = resolve(outputs, place, undefined, worked);
  }
  return value;
}

export const pick = (value: Readonly<Record<string, unknown>>, names: readonly string[]) =>
  Object.fromEntries(names.filter((name) => Object.hasOwn(value, name)).map((name) => [name, value[name]]));

function errorOf(outcome: Outcome): { code: string; type: string; message: string } | null {
  const { error } = judge(outcome);
  return error === null ? null : { code: error.code, type: error.type, message: error.message };
}

/** What its artifacts are called as files of another step. */
async function artifactsOf({ id, runId }: FinishedExecution, store: ValuesDeps['store']): Promise<StepValue> {
  const files = await store.files(runId, 'artifact');
  return Object.fromEntries(files.map(({ path }) => [path, { execution: id, path }]));
}

/** What a step has written, whole. */
async function textOf(ended: FinishedExecution, stream: StreamName, journal: Journal): Promise<string> {
  const { result } = ended;
  if (result?.type === 'tails' && result[`${stream}_truncated`] === false) return result[stream];
  const execution = withLog(ended);
  if (ended.cache?.status === 'hit' && execution.attempts.length === 0)
    throw new ValueError(`the result of ${execution.plan?.step} comes from the cache, without its ${stream}`);
  const last = execution.attempts.at(-1);
  const written = (stream === 'stdout' ? last?.output.stdoutBytes : last?.output.stderrBytes) ?? 0;
  if (last === undefined || written === 0) return '';
  const kept = stream === 'stdout' ? last.output.stdoutKeptBytes : last.output.stderrKeptBytes;
  if (written > MAX_TEXT_BYTES)
    throw new ValueError(`${stream} of ${execution.plan?.step} is larger than ${MAX_TEXT_BYTES} bytes`);
  if (kept < written) throw new ValueError(`${stream} of ${execution.plan?.step} is not complete in the log`);
  const log = await journal.open({ runId: execution.runId, attempt: last.number });
  if (log === null) {
    const why = execution === ended ? '' : ', because its result comes from the cache';
    throw new ValueError(`the log of ${execution.plan?.step} was removed${why}`);
  }
  try {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    let text = '';
    for await (const record of log.read(0))
      if (record.stream === stream) text += decoder.decode(record.bytes, { stream: true });
    return text + decoder.decode();
  } finally {
    await log.close();
  }
}
