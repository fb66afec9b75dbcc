// How far what runs is: what its last line of progress says, when it will probably end, and what it uses now. Worked out when somebody
// looks, from the end of its log: a command that writes much costs nothing more, and nothing is lost with the server.
import { LRUCache } from 'lru-cache';
import { RE2JS } from 're2js';
import { z } from 'zod';
import { operationOf } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { AttemptLog, LogRecord } from '../../domain/ports/journal.ts';
import { MAX_LINE, messageOf, percentOf, readJson, type Said } from '../../domain/progress-lines.ts';
import type { Caller } from '../../domain/spec/access.ts';
import type { ProgressSpec } from '../../domain/spec/progress.ts';
import type { Engine, ExecutionView } from '../../engine/engine.ts';
import { time } from '../edge/schemas.ts';
import { isoOrNull } from '../edge/times.ts';

export const progress = z
  .strictObject({
    percent: z.number().min(0).max(100).nullable().describe('The progress, 0 to 100; null if it is unknown.'),
    message: z.string().nullable().describe('The message of the last progress line; null if there is none.'),
    metrics: z.record(z.string(), z.number()).describe('Numbers that it reports.'),
    estimated_end: time
      .nullable()
      .describe(
        'When it will probably end: by earlier runs of the same operation, else by `percent`. Null if it is unknown.',
      ),
    bad_lines: z.int().min(0).describe('With progress `fd`: lines that are not of the form for progress.'),
    cpu_ms: z
      .int()
      .min(0)
      .nullable()
      .describe('CPU time of its processes so far, milliseconds; null if it is not known here.'),
    memory_bytes: z
      .int()
      .min(0)
      .nullable()
      .describe('Memory of its processes now, bytes; null if it is not known here.'),
  })
  .describe('The progress of a running command.');
export type ProgressWire = z.infer<typeof progress>;

const NOTHING: Said = { percent: null, message: null, metrics: {} };

/** Of the end of the log. */
const MAX_READ = 16 * 1024;
const MAX_LINES = 64;

/** What a line says of progress; null when it says nothing. */
export function readLine(line: string, spec: ProgressSpec, known: Patterns = patterns()): Said | null {
  if (line.length > MAX_LINE) return null;
  return typeof spec === 'string' ? readJson(line) : readMatch(line, spec.pattern, known);
}

const patterns = () => new LRUCache<string, RE2JS>({ max: 100 });
type Patterns = ReturnType<typeof patterns>;

function readMatch(line: string, source: string, known: Patterns): Said | null {
  let pattern = known.get(source);
  try {
    pattern ??= RE2JS.compile(source);
  } catch {
    return null;
  }
  known.set(source, pattern);
  const matcher = pattern.matcher(line);
  if (!matcher.find()) return null;
  const groups = pattern.namedGroups() as Readonly<Record<string, number>>;
  const group = (name: string) => (Object.hasOwn(groups, name) ? matcher.group(name) : null);
  const percent = group('percent');
  return {
    percent: percent === null ? null : percentOf(Number(percent)),
    message: messageOf(group('message')),
    metrics: {},
  };
}

/** The last lines, the newest first. A terminal's line ends with a carriage return too. */
export function lastLines(records: readonly Pick<LogRecord, 'stream' | 'bytes'>[]): string[] {
  const lines: string[] = [];
  const open = { stdout: '', stderr: '' };
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  for (const { stream, bytes } of records) {
    const pieces = (open[stream] + decoders[stream].decode(bytes, { stream: true })).split(/\r\n|[\r\n]/);
    open[stream] = pieces.pop() ?? '';
    lines.push(...pieces);
  }
  return lines.reverse().slice(0, MAX_LINES);
}

export interface ProgressDeps {
  engine: Pick<Engine, 'openLog' | 'report'>;
  clock: Pick<Clock, 'now'>;
  /** What the processes below one use now; null when it is not here. */
  usageOf: (pid: number) => Usage | null;
}

interface Usage {
  cpuMs: number;
  memoryBytes: number;
}

/** What was seen holds so long. */
const HOLDS_MS = 500;
const RUNS_HOLD_MS = 30_000;
/** How far back earlier runs count. */
const WEEK_MS = 7 * 24 * 3600 * 1000;

export class ProgressReader {
  readonly #deps: ProgressDeps;
  readonly #patterns = patterns();
  readonly #seen = new LRUCache<string, { at: number; said: Said }>({ max: 1000 });
  readonly #used = new LRUCache<number, { at: number; usage: Usage | null }>({ max: 1000 });
  readonly #runs = new LRUCache<string, { at: number; ms: number | null }>({ max: 1000 });

  constructor(deps: ProgressDeps) {
    this.#deps = deps;
  }

  /** Null for what does not run. */
  async of(caller: Caller, view: ExecutionView): Promise<ProgressWire | null> {
    const { execution, startedAt, pid } = view;
    if (execution.status !== 'running' || startedAt === null || execution.attempts.length === 0) return null;
    const said = await this.said(caller, view);
    const usage = pid === null ? null : this.#usageOf(pid);
    const usualMs = await this.#usualMs(caller, operationOf(execution));
    return {
      ...said,
      bad_lines: view.told?.badLines ?? 0,
      estimated_end: isoOrNull(this.#endOf(startedAt, usualMs, said.percent)),
      cpu_ms: usage?.cpuMs ?? null,
      memory_bytes: usage?.memoryBytes ?? null,
    };
  }

  /** What it has said last. */
  async said(caller: Caller, { execution, told }: Pick<ExecutionView, 'execution' | 'told'>): Promise<Said> {
    const spec = (execution.work as { progress?: ProgressSpec }).progress;
    if (spec === undefined) return NOTHING;
    if (spec === 'fd') return told?.last ?? NOTHING;
    const now = this.#deps.clock.now();
    const seen = this.#seen.get(execution.runId);
    if (seen !== undefined && Math.abs(now - seen.at) < HOLDS_MS) return seen.said;
    const said = (await this.#read(caller, execution.id, spec)) ?? seen?.said ?? NOTHING;
    this.#seen.set(execution.runId, { at: now, said });
    return said;
  }

  /** However many ask, the system is looked at once in a while: a look reads two files for each process. */
  #usageOf(pid: number): Usage | null {
    const now = this.#deps.clock.now();
    const used = this.#used.get(pid);
    if (used !== undefined && Math.abs(now - used.at) < HOLDS_MS) return used.usage;
    const usage = this.#deps.usageOf(pid);
    this.#used.set(pid, { at: now, usage });
    return usage;
  }

  async #read(caller: Caller, id: ExecutionId, spec: ProgressSpec): Promise<Said | null> {
    const log = await this.#deps.engine.openLog(caller, id, null).catch(() => null);
    if (log === null) return null;
    try {
      for (const line of lastLines(await endOf(log))) {
        const said = readLine(line, spec, this.#patterns);
        if (said !== null) return said;
      }
      return null;
    } catch {
      // Its disk fails: that is told elsewhere.
      return null;
    } finally {
      await log.close();
    }
  }

  /** How long runs of an operation usually take, milliseconds; null when nobody knows. */
  async #usualMs({ userId }: Caller, operation: string | null): Promise<number | null> {
    if (operation === null) return null;
    const now = this.#deps.clock.now();
    const key = `${userId} ${operation}`;
    const known = this.#runs.get(key);
    if (known !== undefined && Math.abs(now - known.at) < RUNS_HOLD_MS) return known.ms;
    const window = { userId, from: now - WEEK_MS, to: now + 1, operation };
    const report = await this.#deps.engine.report(window).catch(() => null);
    const ms = report?.operations[0]?.run?.p50 ?? null;
    this.#runs.set(key, { at: now, ms });
    return ms;
  }

  #endOf(startedAt: number, usualMs: number | null, percent: number | null): number | null {
    const now = this.#deps.clock.now();
    const byRuns = usualMs === null ? null : startedAt + usualMs;
    if (byRuns !== null && byRuns > now) return Math.round(byRuns);
    if (percent === null || percent <= 0) return null;
    return Math.round(startedAt + ((now - startedAt) * 100) / percent);
  }
}

async function endOf(log: AttemptLog): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const record of log.read(Math.max(0, log.size - MAX_READ))) records.push(record);
  return records;
}
