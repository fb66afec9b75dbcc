// `execd logs` and `execd attach`.
import type { Command } from 'commander';
import { isPlan } from '../../client/kinds.ts';
import { dataOf, given } from '../../client/calls.ts';
import type { LogOptions } from '../../client/index.ts';
import { wallNow } from '../../client/time.ts';
import { attach, copyLog } from '../attach.ts';
import { usage } from '../exits.ts';
import { attachTerminal, hasTerminal, passInput } from '../live.ts';
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
}

const EXAMPLES = `
Examples:
  $ execd logs @last                what the last one wrote, stdout to stdout and stderr to stderr
  $ execd logs -f 01a1fc37          from the beginning, then what comes
  $ execd logs --tail 20 --stream stderr 01a1fc37
  $ execd logs --search error -C 2 @last
  $ execd logs -t PLAN_ID           all steps of a plan, each line with its step
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
    .addHelpText('after', EXAMPLES)
    .action((id: string, flags: Flags) => logs(session, id, flags));
  program
    .command('attach')
    .summary('follow an execution as if it ran here: output, exit code, Ctrl-C')
    .argument('[id]', 'an id, the beginning of one, or @last', '@last')
    .option('-i, --interactive', 'pass standard input on while it comes')
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
  if (isPlan(await client.get(id))) return planLogs(session, id, flags.follow === true);
  const { stream, follow = false, tail, since, attempt } = flags;
  if (stream !== undefined && stream !== 'stdout' && stream !== 'stderr')
    throw usage(`--stream is ${JSON.stringify(stream)}; it must be stdout or stderr.`);
  if (flags.search !== undefined || flags.regex !== undefined)
    return search(session, id, { ...flags, stream, follow });
  const options: LogOptions = {
    follow,
    ...(stream === undefined ? {} : { stream }),
    ...(tail === undefined ? {} : { tail: wholeNumber(tail) }),
    ...(since === undefined ? {} : { since: timeOf(since, wallNow()) }),
    ...(attempt === undefined ? {} : { attempt: wholeNumber(attempt) }),
  };
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

/** Prints the lines that match, as the server finds them. */
async function search(
  { client, terminal, isJson }: Session,
  id: string,
  flags: Omit<Flags, 'stream'> & { stream: 'stdout' | 'stderr' | undefined },
): Promise<void> {
  const { search: q, regex, context, stream, follow, attempt, since, tail, timestamps } = flags;
  const query = {
    ...given({ q, regex, stream, follow }),
    ...(isJson ? { format: 'ndjson' as const } : given({ timestamps })),
    ...(context === undefined ? {} : { context: wholeNumber(context) }),
    ...(tail === undefined ? {} : { tail: wholeNumber(tail) }),
    ...(since === undefined ? {} : { since: timeOf(since, wallNow()) }),
    ...(attempt === undefined ? {} : { attempt: wholeNumber(attempt) }),
  };
  const params = { path: { id }, query };
  const body = await dataOf(client.api.GET('/v1/executions/{id}/logs', { params, parseAs: 'stream' }));
  for await (const bytes of body as AsyncIterable<Uint8Array>) await terminal.out.write(bytes);
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
