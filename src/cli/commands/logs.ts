// `execd logs` and `execd attach`.
import type { Command } from 'commander';
import { isPlan } from '../../client/kinds.ts';
import { given } from '../../client/calls.ts';
import { Copy } from '../copy.ts';
import type { Execution, LogOptions } from '../../client/index.ts';
import { wallNow } from '../../client/time.ts';
import { attach, copyLog } from '../attach.ts';
import { usage } from '../exits.ts';
import { attachTerminal, hasTerminal, passInput } from '../live.ts';
import { readBytes } from '../raw-bytes.ts';
import type { Session } from '../session.ts';
import { timeOf, wholeNumber } from '../units.ts';
import { planLogs } from './plans.ts';

interface Flags {
  follow?: boolean;
  since?: string;
  tail?: string;
  stream?: string;
  attempt?: string;
  timestamps?: boolean;
  search?: string;
  regex?: string;
  context?: string;
  step?: string;
}

const EXAMPLES = `
Examples:
  $ execd logs @last                what the last one wrote, stdout to stdout and stderr to stderr
  $ execd logs -f 01a1fc37          from the beginning, then what comes
  $ execd logs --tail 20 --stream stderr 01a1fc37
  $ execd logs --search error -C 2 @last
  $ execd logs PLAN_ID              all steps of a plan, each line with its step
  $ execd logs --regex 'time(d )?out' PLAN_ID
`;

export function logCommands(program: Command, session: Session, end: (code: number) => void): void {
  program
    .command('logs')
    .summary('print the log of an execution or a plan')
    .argument('[id]', 'an id, the beginning of one, or @last', '@last')
    .option('-f, --follow', 'follow until the end')
    .option('--since <time>', 'only since: 10m for the last ten minutes, or a time')
    .option('-n, --tail <lines>', 'the last lines only')
    .option('--stream <stream>', 'stdout or stderr only')
    .option('--attempt <number>', 'one attempt only')
    .option('-t, --timestamps', 'print the time before each line')
    .option('--search <text>', 'only lines that contain a text, in lower or upper case')
    .option('--regex <pattern>', 'only lines that match a regular expression (RE2)')
    .option('-C, --context <lines>', 'with --search or --regex: lines before and after each match')
    .option('--step <name>', 'of a plan: one step only')
    .addHelpText('after', EXAMPLES)
    .action((id: string, flags: Flags) => logs(session, id, flags));
  program
    .command('attach')
    .summary('follow an execution as if it ran here: output, exit code, Ctrl-C')
    .argument('[id]', 'an id, the beginning of one, or @last', '@last')
    .option('-i, --interactive', 'pass standard input on as you type')
    .action(async (id: string, flags: { interactive?: boolean }) => end(await attachTo(session, id, flags)));
}

/** In this terminal, where the command has one. */
async function attachTo(session: Session, text: string, flags: { interactive?: boolean }): Promise<number> {
  const id = await session.idOf(text);
  const { spec, phase } = await session.client.get(id);
  if ('tty' in spec && phase !== 'done' && hasTerminal()) return attachTerminal(session, id);
  return attach(session, id, flags.interactive === true ? passInput : undefined);
}

async function logs(session: Session, text: string, flags: Flags): Promise<void> {
  const { client, terminal, isJson } = session;
  const id = await session.idOf(text);
  const execution = await client.get(id);
  const { stream, follow = false, tail, since, attempt } = flags;
  if (stream !== undefined && stream !== 'stdout' && stream !== 'stderr')
    throw usage(`--stream is ${JSON.stringify(stream)}; it must be stdout or stderr.`);
  const isOfPlan = isPlan(execution);
  if (isOfPlan && [tail, since, attempt].some((one) => one !== undefined))
    throw usage(
      '--tail, --since and --attempt are for the log of an execution; --step chooses a step of a plan.',
    );
  if (!isOfPlan && flags.step !== undefined) throw usage('--step is for the log of a plan.');
  if (flags.search !== undefined || flags.regex !== undefined)
    return search(session, id, { ...flags, stream, follow, isOfPlan });
  if (isOfPlan) return planLogs(session, id, given({ follow, stream, step: flags.step }));
  const options: LogOptions = {
    follow,
    ...(stream === undefined ? {} : { stream }),
    ...(tail === undefined ? {} : { tail: wholeNumber(tail) }),
    ...(since === undefined ? {} : { since: timeOf(since, wallNow()) }),
    ...(attempt === undefined ? {} : { attempt: wholeNumber(attempt) }),
  };
  const isPart = [tail, since, attempt, flags.timestamps].some((one) => one !== undefined);
  const only = isPart || isJson ? null : streamOf(execution, stream);
  if (only !== null) return copyStream(session, execution, only);
  const log = client.logs(id, options);
  if (isJson) {
    for await (const { bytes: _bytes, ...record } of log) await terminal.line(JSON.stringify(record));
    if (log.end !== null) await terminal.line(JSON.stringify(log.end));
  } else if (flags.timestamps === true) {
    const lines = new StampedLines();
    for await (const { stream: of, time, bytes } of log) {
      const sink = of === 'stderr' ? terminal.err : terminal.out;
      await sink.write(lines.take(of, time, bytes));
    }
  } else await copyLog(session, log);
}

/** The one stream that is to be copied, of a log that changes no more; null where there are two, whose order matters. */
function streamOf(
  { phase, attempts, output }: Execution,
  wanted: 'stdout' | 'stderr' | undefined,
): 'stdout' | 'stderr' | null {
  if (phase !== 'done' || attempts.length !== 1) return null;
  if (wanted !== undefined) return wanted;
  if (output.stderr_kept_bytes === 0) return 'stdout';
  return output.stdout_kept_bytes === 0 ? 'stderr' : null;
}

/** As bytes, which are read and written several times as fast as records. A log that breaks off is read on as records. */
async function copyStream(
  { client, terminal, place }: Session,
  { id, output }: Execution,
  stream: 'stdout' | 'stderr',
): Promise<void> {
  const sink = stream === 'stderr' ? terminal.err : terminal.out;
  const copy = new Copy(sink);
  await readBytes(place, `/v1/executions/${id}/logs?stream=${stream}&format=raw`, (bytes) =>
    copy.take(bytes),
  );
  const written = await copy.end();
  if (written === output[`${stream}_kept_bytes`]) return;
  let skipped = 0;
  for await (const { bytes } of client.logs(id, { stream })) {
    const rest = bytes.subarray(Math.max(0, written - skipped));
    skipped += bytes.length;
    await sink.write(rest);
  }
}

/** Prints the lines that match, as the server finds them. */
async function search(
  { client, terminal, isJson }: Session,
  id: string,
  flags: Omit<Flags, 'stream'> & { stream: 'stdout' | 'stderr' | undefined; isOfPlan: boolean },
): Promise<void> {
  const { search: q, regex, context, stream, follow, attempt, since, tail, timestamps } = flags;
  const common = {
    ...given({ q, regex, stream, follow }),
    ...(isJson ? { format: 'ndjson' as const } : {}),
    ...(context === undefined ? {} : { context: wholeNumber(context) }),
  };
  if (flags.isOfPlan) {
    const found = client.plans.rawLog(id, { ...common, ...given({ step: flags.step }) });
    for await (const bytes of found) await terminal.out.write(bytes);
    return;
  }
  const query = {
    ...common,
    ...(isJson ? {} : given({ timestamps })),
    ...(tail === undefined ? {} : { tail: wholeNumber(tail) }),
    ...(since === undefined ? {} : { since: timeOf(since, wallNow()) }),
    ...(attempt === undefined ? {} : { attempt: wholeNumber(attempt) }),
  };
  for await (const bytes of client.rawLog(id, query)) await terminal.out.write(bytes);
}

/** The time of its first byte before each line. */
class StampedLines {
  readonly #isOpen = { stdout: false, stderr: false };

  take(stream: 'stdout' | 'stderr', time: string, bytes: Uint8Array): Buffer {
    const stamp = Buffer.from(`${time} `);
    const parts: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const newline = bytes.indexOf(0x0a, at);
      const end = newline === -1 ? bytes.length : newline + 1;
      if (!this.#isOpen[stream]) parts.push(stamp);
      parts.push(bytes.subarray(at, end));
      this.#isOpen[stream] = newline === -1;
      at = end;
    }
    return Buffer.concat(parts);
  }
}
