// `execd ps`, `cancel`, `rerun`, `wait`, `rm`: executions that there are.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { given } from '../../client/calls.ts';
import type { Execution, ExecutionFilter, Spec } from '../../client/index.ts';
import { wallNow } from '../../client/time.ts';
import { begun } from '../attach.ts';
import { Exit, EXIT, exitOf, usage } from '../exits.ts';
import { firstOf, labelFilter, many } from '../options.ts';
import { drawAgain } from '../screen.ts';
import { commandOf, type Session } from '../session.ts';
import { type Column, statusStyle, table } from '../table.ts';
import { age, durationMs, pairs, shownDuration, timeOf, wholeNumber } from '../units.ts';

interface PsFlags {
  all?: boolean;
  status?: string;
  kind?: string;
  operation?: string;
  task?: string;
  label?: string[];
  cause?: string;
  since?: string;
  limit: string;
  watch?: string | true;
  ids?: boolean;
}

const PS_EXAMPLES = `
Examples:
  $ execd ps                              what runs and waits
  $ execd ps -a --since 1h                everything of the last hour
  $ execd ps -a --status failed -l team=web
  $ execd ps --watch                      the same, live
  $ execd ps --ids --task nightly | xargs execd cancel
`;

export function executionCommands(program: Command, session: Session, end: (code: number) => void): void {
  program
    .command('ps')
    .alias('ls')
    .summary('list executions')
    .description('Lists running and waiting executions, newest first; with -a also ended ones.')
    .option('-a, --all', 'also ended executions')
    .option('-s, --status <list>', 'pending, running, completed, failed, cancelled, timed_out')
    .option('-k, --kind <list>', 'exec, shell, script, aws_cli, http, operation, plan')
    .option('--operation <name>', 'only this operation')
    .option('--task <id>', 'only this group')
    .option('-l, --label <name=value>', 'only with this label; repeatable', many)
    .option('--cause <list>', 'only with this cause: exited, attempt_timeout, lost, …')
    .option('--since <time>', 'only accepted since: 1h for the last hour, or a time')
    .option('-n, --limit <number>', 'how many at most', '50')
    .option('-w, --watch [interval]', 'refresh until Ctrl-C')
    .option('--ids', 'print only full ids, one per line')
    .addHelpText('after', PS_EXAMPLES)
    .action((flags: PsFlags) => ps(session, flags));
  program
    .command('cancel')
    .summary('cancel executions and plans')
    .description('Cancels, and returns when their processes have ended.')
    .argument('[id...]')
    .option('--reason <text>', 'reason; the execution shows it')
    .option('--grace <duration>', 'time until SIGKILL')
    .option('--no-wait', 'return at once')
    .option('--all', 'all running and waiting executions')
    .option('--task <id>', 'all of this group')
    .option('-l, --label <name=value>', 'all with this label; repeatable', many)
    .action(async (ids: string[], flags: CancelFlags) => end(await cancel(session, ids, flags)));
  program
    .command('rerun')
    .summary('run an execution again')
    .argument('<id>')
    .option('-e, --edit', 'edit the request in $EDITOR first')
    .option('-p, --param <name=value>', 'a parameter that changes; repeatable', many)
    .option('-d, --detach', 'return at once, and print the id')
    .action(async (id: string, flags: RerunFlags) => end(await rerun(session, id, flags)));
  program
    .command('wait')
    .summary('wait until executions end; exit with the exit code of the last id')
    .argument('<id...>')
    .action(async (ids: string[]) => end(await wait(session, ids)));
  program
    .command('rm')
    .summary('remove ended executions and their logs')
    .argument('<id...>')
    .action((ids: string[]) => remove(session, ids));
}

function filterOf({
  all,
  status,
  kind,
  operation,
  task,
  label,
  cause,
  since,
  limit,
}: PsFlags): ExecutionFilter {
  const live = ['pending', 'running'];
  const states = status?.split(',') ?? (all === true || cause !== undefined ? undefined : live);
  return given({
    ...{ status: states, kind: kind?.split(','), operation, task_id: task, cause: cause?.split(',') },
    label: labelFilter(label),
    created_after: since === undefined ? undefined : timeOf(since, wallNow()),
    limit: Math.min(1000, wholeNumber(limit)),
  }) as ExecutionFilter;
}

async function ps(session: Session, flags: PsFlags): Promise<void> {
  const { terminal, client, isJson } = session;
  const most = wholeNumber(flags.limit);
  const read = () => firstOf(client.list(filterOf(flags)), most);
  if (flags.watch === undefined) {
    const found = await read();
    if (isJson) return terminal.json(found);
    if (flags.ids === true)
      return found.length === 0 ? undefined : terminal.line(found.map(({ id }) => id).join('\n'));
    if (found.length === 0 && terminal.err.isTerminal)
      await terminal.note(
        flags.all === true || flags.status !== undefined
          ? 'No execution fits.'
          : 'Nothing runs or waits. execd ps -a also lists ended executions.',
      );
    return terminal.line(executionTable(session, found));
  }
  if (!terminal.out.isTerminal)
    throw usage('--watch needs a terminal. For a program: execd events -f --json');
  const everyMs = flags.watch === true ? 1000 : durationMs(flags.watch);
  await drawAgain(terminal.out, everyMs, async () => executionTable(session, await read()));
}

/** As much of the ids as tells them apart, and reads well. */
export function shortIds(ids: readonly string[]): (id: string) => string {
  let length = SHORT_ID;
  while (length < 36 && new Set(ids.map((id) => id.slice(0, length))).size < new Set(ids).size) length += 1;
  return (id) => id.slice(0, length);
}
const SHORT_ID = 13;

export function executionTable({ terminal }: Session, list: readonly Execution[]): string {
  const now = wallNow();
  const short = shortIds(list.map(({ id }) => id));
  const columns: Column<Execution>[] = [
    { name: 'ID', value: ({ id }) => short(id) },
    { name: 'STATUS', value: statusWords, style: ({ status }) => statusStyle(status) },
    { name: 'AGE', value: ({ timestamps }) => age(timestamps.created, now), isRight: true },
    { name: 'TOOK', value: (one) => shownDuration(tookMs(one, now)), isRight: true },
    { name: 'KIND', value: ({ kind }) => kind },
    {
      name: 'COMMAND',
      value: (one) => (one.step === null ? '' : `[${one.step}] `) + commandOf(one),
      isOpen: true,
    },
  ];
  return table(terminal.out, columns, list);
}

/** The status, and in brackets what makes it clearer: the exit code, what a monitor has reported, the phase. */
export function statusWords({ status, phase, outcome, monitor }: Execution): string {
  const told = phase === 'done' ? undefined : monitor?.told.at(-1);
  if (told !== undefined) return `${status} (${told.event.replace('_', ' ')})`;
  if (outcome?.cause === 'exited' && status === 'failed') return `${status} (${outcome.exit_code ?? ''})`;
  if (outcome?.cause === 'signalled') return `${status} (${outcome.signal ?? ''})`;
  if (outcome?.cause === 'lost') return `${status} (lost)`;
  return phase === 'done' || phase === status || phase === 'queued' ? status : `${status} (${phase})`;
}

export function tookMs({ duration_ms: took, timestamps, phase }: Execution, now: number): number | null {
  if (took !== null || timestamps.started === null) return took;
  return phase === 'done' ? null : Math.max(0, now - Date.parse(timestamps.started));
}

interface CancelFlags {
  reason?: string;
  grace?: string;
  wait: boolean;
  all?: boolean;
  task?: string;
  label?: string[];
}

async function cancel(session: Session, ids: readonly string[], flags: CancelFlags): Promise<number> {
  const { terminal, client, isJson } = session;
  const how = {
    ...(flags.reason === undefined ? {} : { reason: flags.reason }),
    ...(flags.grace === undefined ? {} : { grace_ms: durationMs(flags.grace) }),
  };
  if (flags.all === true || flags.task !== undefined || flags.label !== undefined) {
    if (ids.length > 0) throw usage('Give ids, or one of --all, --task and --label.');
    const filter = {
      ...(flags.task === undefined ? {} : { task_id: flags.task }),
      ...(flags.label === undefined ? {} : { labels: pairs(flags.label, '--label') }),
    };
    const answer = await client.cancelAll({
      ...(Object.keys(filter).length === 0 ? { all: true } : filter),
      ...how,
    });
    if (isJson) await terminal.json(answer);
    else await terminal.line(`${answer.cancelled} cancelled, ${answer.canceling} being stopped`);
    return EXIT.ok;
  }
  if (ids.length === 0) throw usage('Give ids, or one of --all, --task and --label.');
  const whole = await Promise.all(ids.map((id) => session.idOf(id)));
  const asked = await Promise.all(whole.map((id) => client.cancel(id, how)));
  let code: number = EXIT.ok;
  for (const one of asked) {
    const ended = flags.wait ? await client.wait(one.id) : one;
    if (isJson) await terminal.json(ended);
    else await terminal.line(`${ended.id}  ${statusWords(ended)}`);
    // It had ended by itself before.
    if (ended.phase === 'done' && ended.status !== 'cancelled') code = EXIT.failed;
  }
  return code;
}

interface RerunFlags {
  edit?: boolean;
  param?: string[];
  detach?: boolean;
}

async function rerun(session: Session, text: string, flags: RerunFlags): Promise<number> {
  const { client } = session;
  const id = await session.idOf(text);
  const changes = flags.param === undefined ? {} : { params: pairs(flags.param, '--param') };
  const again =
    flags.edit === true ? await client.submit(await edited(session, id)) : await client.rerun(id, changes);
  return begun(session, again, flags.detach === true);
}

async function edited({ client, terminal }: Session, id: string): Promise<Spec> {
  const { spec } = await client.get(id);
  const dir = mkdtempSync(join(tmpdir(), 'execd-'));
  const file = join(dir, 'request.json');
  try {
    const before = `${JSON.stringify(spec, null, 2)}\n`;
    writeFileSync(file, before, { mode: 0o600 });
    const editor = terminal.env.VISUAL ?? terminal.env.EDITOR ?? 'vi';
    const { status, error } = spawnSync('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], {
      stdio: 'inherit',
    });
    if (status !== 0)
      throw new Exit(EXIT.failed, `${editor} ended with ${status ?? String(error)}; nothing was submitted.`);
    return JSON.parse(readFileSync(file, 'utf8')) as Spec;
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new Exit(EXIT.failed, `The edited request is not JSON: ${error.message}. Nothing was submitted.`);
    throw error;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function wait(session: Session, ids: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  const whole = await Promise.all(ids.map((id) => session.idOf(id)));
  for (const id of whole) {
    const ended = await session.client.wait(id);
    code = exitOf(ended);
    if (session.isJson) await session.terminal.json(ended);
    else if (!session.terminal.isQuiet) await session.terminal.line(`${ended.id}  ${statusWords(ended)}`);
  }
  return code;
}

async function remove(session: Session, ids: readonly string[]): Promise<void> {
  for (const text of ids) {
    const id = await session.idOf(text);
    await session.client.remove(id);
    await session.terminal.line(id);
  }
}
