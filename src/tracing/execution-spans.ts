// The spans of an execution that has ended, made of its record: so nothing is kept while it runs, and a restart loses nothing.
// Attributes follow the semantic conventions of OpenTelemetry where there are some; others begin with `execd.`.
import { hasSteps, isRequest, takesProcess } from '../domain/kinds.ts';
import { judge, type Outcome } from '../domain/outcome.ts';
import {
  type Attempt,
  type Execution,
  type FinishedExecution,
  operationOf,
} from '../domain/execution/execution.ts';
import { attemptSpan, executionSpan, parentOf, type Span, spanIdOf, workSpan } from './span.ts';

export function executionSpans(execution: FinishedExecution): Span[] {
  const { id, runId, attempts } = execution;
  const spans = [whole(execution)];
  // Those that take part in the run of another have no attempts of their own.
  if (runId !== id || hasSteps(execution.spec)) return spans;
  let waitedFrom = Math.max(execution.createdAt, execution.startAt ?? 0);
  for (const attempt of attempts) {
    spans.push(wait(execution, { number: attempt.number, from: waitedFrom, to: attempt.claimedAt }));
    spans.push(...attemptSpans(execution, attempt));
    waitedFrom = attempt.endedAt ?? execution.finishedAt;
  }
  if (attempts.length === 0 && execution.finishedAt > waitedFrom)
    spans.push(wait(execution, { number: 1, from: waitedFrom, to: execution.finishedAt }));
  return spans;
}

/** The span that what an execution begins belongs to. */
const parentSpan = ({ plan, trace }: Execution): string | null =>
  plan === null ? parentOf(trace) : executionSpan(plan.id);

function whole(execution: FinishedExecution): Span {
  const { id, runId, spec, plan, taskId, cache, userId, status, attempts, outcome, rerunOf } = execution;
  const operation = operationOf(execution);
  const verb = plan === null ? (hasSteps(spec) ? 'plan' : 'execute') : 'step';
  return {
    ...at(execution, executionSpan(id), parentSpan(execution)),
    name: verb === 'plan' && operation === null ? verb : `${verb} ${operation ?? spec.kind}`,
    kind: 'internal',
    from: execution.createdAt,
    to: execution.finishedAt,
    attributes: {
      'execd.execution.id': id,
      'execd.kind': spec.kind,
      'execd.operation': operation,
      'execd.status': status,
      'execd.attempts': attempts.length,
      'execd.task.id': taskId,
      'execd.plan.id': plan?.id,
      'execd.step': plan?.step,
      'execd.cache': cache?.status,
      // The run that it shared, and those that it repeats: their traces may be others.
      'execd.run.id': runId === id ? null : runId,
      'execd.rerun_of': rerunOf,
      'execd.redrive_of': execution.redriveOf,
      'execd.kept_from': execution.keptFrom,
      'user.id': userId,
      ...ofOutcome(outcome),
    },
    error: errorOf(outcome),
  };
}

function wait(
  execution: FinishedExecution,
  { number, from, to }: { number: number; from: number; to: number },
): Span {
  return {
    ...at(execution, spanIdOf(execution.runId, number, 'wait'), executionSpan(execution.id)),
    name: number === 1 ? 'queue' : 'wait for retry',
    kind: 'internal',
    ...{ from, to },
    attributes: { 'execd.attempt': number, 'execd.priority': execution.priority },
    error: null,
  };
}

function* attemptSpans(execution: FinishedExecution, attempt: Attempt): Generator<Span> {
  const { runId, finishedAt, outcome: last } = execution;
  const { number, claimedAt, startedAt, runner } = attempt;
  const outcome = attempt.outcome ?? (attempt === execution.attempts.at(-1) ? last : null);
  const to = attempt.endedAt ?? finishedAt;
  const own = attemptSpan(runId, number);
  const error = outcome === null ? null : errorOf(outcome);
  yield {
    ...at(execution, own, executionSpan(execution.id)),
    name: 'attempt',
    kind: 'internal',
    ...{ from: claimedAt, to, error },
    attributes: { 'execd.attempt': number, 'execd.runner': runner, ...ofOutcome(outcome) },
  };
  if (startedAt === null) return;
  yield {
    ...at(execution, workSpan(runId, number), own),
    ...workOf(execution, outcome, attempt),
    ...{ from: startedAt, to, error },
  };
}

function workOf(
  { work }: FinishedExecution,
  outcome: Outcome | null,
  { resources, output }: Attempt,
): Pick<Span, 'name' | 'kind' | 'attributes'> {
  if (isRequest(work)) {
    const method = work.method ?? 'GET';
    const status = outcome?.cause === 'http_response' ? outcome.status : null;
    return {
      name: method,
      kind: 'client',
      attributes: {
        'http.request.method': method,
        ...targetOf(typeof work.url === 'string' ? work.url : ''),
        'http.response.status_code': status,
        'http.response.body.size': output.stdoutBytes,
        'error.type': status !== null && status >= 400 ? String(status) : ofOutcome(outcome)['error.type'],
      },
    };
  }
  const program = programOf(work);
  return {
    name: program,
    kind: 'internal',
    attributes: {
      'process.executable.name': program,
      'process.exit.code': outcome?.cause === 'exited' ? outcome.exitCode : null,
      'execd.signal': outcome?.cause === 'signalled' ? outcome.signal : null,
      'execd.cpu_ms': resources?.cpuMs,
      'execd.max_rss_bytes': resources?.maxRssBytes,
      'execd.stdout_bytes': output.stdoutBytes,
      'execd.stderr_bytes': output.stderrBytes,
      'error.type': ofOutcome(outcome)['error.type'],
    },
  };
}

/** The name of a program without its place. Its arguments may hold what is nobody else's business. */
function programOf(work: FinishedExecution['work']): string {
  if (!takesProcess(work)) return work.kind;
  const program =
    work.kind === 'exec'
      ? work.program
      : work.kind === 'shell'
        ? (work.shell ?? 'bash')
        : work.kind === 'script'
          ? (work.interpreter ?? work.path ?? 'script')
          : 'aws';
  return program.slice(program.lastIndexOf('/') + 1);
}

/** Without credentials, query and fragment, which may hold keys. */
export function targetOf(url: string): Span['attributes'] {
  const parsed = URL.parse(url);
  if (parsed === null) return {};
  const { protocol, hostname, port, host, pathname } = parsed;
  const standard = protocol === 'https:' ? 443 : 80;
  return {
    'url.full': `${protocol}//${host}${pathname}`,
    'server.address': hostname,
    'server.port': port === '' ? standard : Number(port),
  };
}

function ofOutcome(outcome: Outcome | null): Span['attributes'] {
  if (outcome === null) return {};
  const { error } = judge(outcome);
  return { 'execd.cause': outcome.cause, 'error.type': error?.type };
}

/** Who cancels has no error. */
function errorOf(outcome: Outcome): string | null {
  const { error, status } = judge(outcome);
  return status === 'cancelled' || error === null ? null : error.message;
}

const at = (
  { trace }: Execution,
  spanId: string,
  parentId: string | null,
): Pick<Span, 'traceId' | 'spanId' | 'parentId'> => ({ traceId: trace.traceId, spanId, parentId });
