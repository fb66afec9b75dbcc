// What an attempt yields: parsed output if that was asked for, the answer of a server, or the end of each stream.
import type {
  HttpBody,
  HttpResponse,
  OutputTotals,
  Result,
  RunningExecution,
  Tails,
} from '../../domain/execution/execution.ts';
import { lastAttemptNumber } from '../../domain/execution/execution.ts';
import type { Outcome, ResultError } from '../../domain/outcome.ts';
import { exactly } from '../../domain/exact-json.ts';
import { measureJson } from '../../domain/json.ts';
import { judge } from '../../domain/outcome.ts';
import type { AttemptLog, Journal, StreamName } from '../../domain/ports/journal.ts';
import { type AttemptReport, REPORTED_BYTES } from '../../domain/ports/runner.ts';
import type { Log } from '../../domain/ports/clock.ts';
import { resultBytesOf, type StreamEnd, streamEnd, tailsOf } from '../../domain/execution/result-text.ts';
import { MAX_RESULT_BYTES } from '../../domain/output-totals.ts';

/** Whoever reads or copies a value goes through its levels one within the other. */
const MAX_RESULT_DEPTH = 200;

type Ended = Extract<AttemptReport, { type: 'ended' }>;
interface Deps {
  journal: Journal;
  log: Log;
}

/** The result of an attempt, and its outcome, which is another one when the result could not be made. */
export async function resultOf(
  execution: RunningExecution,
  report: Ended,
  deps: Deps,
): Promise<{ outcome: Outcome; result: Result }> {
  const { outcome } = report;
  const isParsed = execution.outputPolicy.parse === 'json' && judge(outcome).error === null;
  const parsed = isParsed ? await parsedOutput(execution, report, deps) : null;
  const failed = parsed !== null && 'error' in parsed ? parsed.error : null;
  return {
    outcome: failed === null ? outcome : withResultError(report, failed),
    result: await makeResult(execution, report, parsed !== null && 'value' in parsed ? parsed : null, deps),
  };
}

async function makeResult(
  execution: RunningExecution,
  report: Ended,
  parsed: { value: unknown } | null,
  deps: Deps,
): Promise<Result> {
  const { end, response } = report;
  if (response !== null) {
    const body = parsed === null ? await rawBody(execution, end.output, deps) : { json: parsed.value };
    return { type: 'http', ...response, body };
  }
  if (parsed !== null) return { type: 'json', value: parsed.value };
  return end.startedAt === null ? null : { type: 'tails', ...(await endsOf(execution, report, deps)) };
}

/** The end of each stream: as the report has it where that is enough, else out of the log. */
async function endsOf(execution: RunningExecution, { end, tails }: Ended, deps: Deps): Promise<Tails> {
  const most = resultBytesOf(execution.outputPolicy);
  const { stdoutBytes, stderrBytes, stdoutKeptBytes, stderrKeptBytes } = end.output;
  const reported = (text: string, total: number) =>
    streamEnd(Buffer.from(text), most, total <= REPORTED_BYTES);
  const ends = {
    stdout: reported(tails.stdout, stdoutBytes),
    stderr: reported(tails.stderr, stderrBytes),
  };
  // A log that does not keep all of a stream has its beginning.
  const isInLog = (total: number, kept: number) => Math.min(total, most) > REPORTED_BYTES && kept === total;
  const wanted = [
    ...(isInLog(stdoutBytes, stdoutKeptBytes) ? (['stdout'] as const) : []),
    ...(isInLog(stderrBytes, stderrKeptBytes) ? (['stderr'] as const) : []),
  ];
  try {
    const log = wanted.length === 0 ? null : await openLast(execution, deps.journal);
    if (log !== null) Object.assign(ends, await readEnds(log, wanted, { most, output: end.output }));
  } catch (error) {
    // An end must not depend on its log: what the report has is marked as an end.
    deps.log.warn({ err: error, execution_id: execution.id }, 'Cannot read the log for the result');
  }
  return tailsOf(ends.stdout, ends.stderr, { stdout: stdoutBytes, stderr: stderrBytes });
}

async function readEnds(
  log: AttemptLog,
  streams: readonly StreamName[],
  { most, output }: { most: number; output: OutputTotals },
): Promise<Partial<Record<StreamName, StreamEnd>>> {
  const ends: Partial<Record<StreamName, StreamEnd>> = {};
  try {
    for (const stream of streams) {
      // One more shows whether a line begins with the others.
      const bytes = await log.last(stream, most + 1);
      const total = stream === 'stdout' ? output.stdoutBytes : output.stderrBytes;
      ends[stream] = streamEnd(bytes, most, bytes.length === total);
    }
    return ends;
  } finally {
    await log.close();
  }
}

function withResultError({ outcome, response }: Ended, resultError: ResultError): Outcome {
  if (outcome.cause === 'exited') return { ...outcome, resultError };
  if (outcome.cause !== 'http_response') return outcome;
  return { ...outcome, resultError, bodyType: bodyType(response?.headers ?? {}) };
}

/** What the headers of an answer say of its body, for people. */
function bodyType(headers: HttpResponse['headers']): string {
  const told = ['content-type', 'content-encoding'].flatMap((name) => {
    const value = Object.hasOwn(headers, name) ? headers[name]?.toString() : undefined;
    return value === undefined ? [] : [`${name}: ${value.slice(0, 200)}`];
  });
  return told.length === 0 ? 'it has no content-type' : told.join(', ');
}

/** A body of no bytes is null (RFC 9110 §6.4.1: 204, 205, 304, HEAD, length 0): that is what its server has answered. */
async function parsedOutput(
  execution: RunningExecution,
  { end, response }: Ended,
  deps: Deps,
): Promise<{ value: unknown } | { error: ResultError }> {
  if (response !== null && end.output.stdoutBytes === 0) return { value: null };
  return parseOutput(execution, end.output, deps);
}

async function parseOutput(
  execution: RunningExecution,
  output: OutputTotals,
  deps: Deps,
): Promise<{ value: unknown } | { error: ResultError }> {
  if (output.truncated || output.stdoutBytes > MAX_RESULT_BYTES) return { error: 'output_too_large' };
  try {
    const bytes = await standardOutput(execution, MAX_RESULT_BYTES, deps.journal);
    const most = { depth: MAX_RESULT_DEPTH, members: Infinity, width: Infinity };
    const { depth, mayHaveExact } = measureJson(bytes, most);
    if (depth > MAX_RESULT_DEPTH) return { error: 'output_too_large' };
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    return { value: mayHaveExact ? exactly(text, value) : value };
  } catch (error) {
    deps.log.debug({ err: error, execution_id: execution.id }, 'The output is not JSON');
    return { error: 'output_not_json' };
  }
}

/** The first bytes of a body, as text where they are text. */
async function rawBody(execution: RunningExecution, output: OutputTotals, deps: Deps): Promise<HttpBody> {
  let bytes = new Uint8Array();
  try {
    bytes = await standardOutput(execution, resultBytesOf(execution.outputPolicy), deps.journal);
  } catch (error) {
    // An end must not depend on its log: without it the body is lacking, and says so.
    deps.log.warn({ err: error, execution_id: execution.id }, 'Cannot read the log for the result');
  }
  const truncated = output.stdoutBytes > bytes.length;
  const facts = { truncated, bytes: output.stdoutBytes };
  try {
    // A body that was cut may end within a character.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: truncated });
    return { text, ...facts };
  } catch {
    return { base64: Buffer.from(bytes).toString('base64'), ...facts };
  }
}

/** The first bytes of standard output that the log of the last attempt keeps. */
async function standardOutput(
  execution: RunningExecution,
  limit: number,
  journal: Journal,
): Promise<Uint8Array<ArrayBuffer>> {
  const log = await openLast(execution, journal);
  if (log === null || limit === 0) {
    await log?.close();
    return new Uint8Array();
  }
  try {
    const pieces: Uint8Array[] = [];
    let length = 0;
    for await (const { stream, bytes } of log.read(0)) {
      if (stream !== 'stdout') continue;
      // What is read is shared with the next piece.
      pieces.push(Uint8Array.from(bytes.subarray(0, limit - length)));
      length += bytes.length;
      if (length >= limit) break;
    }
    return Buffer.concat(pieces);
  } finally {
    await log.close();
  }
}

function openLast(execution: RunningExecution, journal: Journal): Promise<AttemptLog | null> {
  return journal.open({ runId: execution.runId, attempt: lastAttemptNumber(execution) });
}
