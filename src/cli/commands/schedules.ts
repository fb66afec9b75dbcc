// `execd schedule`: work that starts again and again.
import type { Command } from 'commander';
import { given } from '../../client/calls.ts';
import { type components, dataOf, type Spec } from '../../client/index.ts';
import { usage } from '../exits.ts';
import { many } from '../options.ts';
import { type RunFlags, specFile, specOf } from '../run-spec.ts';
import type { Session } from '../session.ts';
import { table } from '../table.ts';
import { durationMs, wholeNumber } from '../units.ts';

type Schedule = components['schemas']['Schedule'];
type Run = components['schemas']['ScheduleRun'];

interface PutFlags extends RunFlags {
  cron?: string;
  every?: string;
  at?: string;
  timezone?: string;
  overlap?: string;
  misfire?: string;
  jitter?: string;
  maxRuns?: string;
  silentAfter?: string;
  paused?: boolean;
  plan?: string;
}

const HELP = `
Examples:
  $ execd schedule put nightly --cron '0 2 * * *' --timezone Europe/Berlin -- ./backup.sh
  $ execd schedule put poll --every 30s --overlap skip -c 'curl -fsS https://example.com/health'
  $ execd schedule put report --cron '0 9 * * MON-FRI' --plan report.json
  $ execd schedule ls; execd schedule runs nightly; execd schedule run nightly
`;

export function scheduleCommands(program: Command, session: Session): void {
  const schedule = program
    .command('schedule')
    .summary('start commands and plans at due times')
    .description('Schedules: executions and plans that start by cron, at an interval, or once.')
    .addHelpText('after', HELP);
  schedule
    .command('put')
    .summary('create or replace a schedule')
    .argument('<name>')
    .argument('[command...]', 'the program and its arguments, after --')
    .option('--cron <expression>', 'minute hour day month weekday, or with seconds in front')
    .option('--every <duration>', 'an interval, as 30s or 1h')
    .option('--at <time>', 'once, as 2030-01-31T09:00:00Z')
    .option('--timezone <zone>', 'time zone of --cron (default: UTC)')
    .option('--overlap <policy>', 'skip, queue, cancel_previous or allow, if the run before has not ended')
    .option('--misfire <policy>', 'skip, once or catch_up, if execd was down or late')
    .option('--jitter <duration>', 'each start is late by a part of this')
    .option('--max-runs <number>', 'ends after this number of runs')
    .option('--silent-after <duration>', 'report it as silent after this time without a completed run')
    .option('--late <duration>', 'report a run as late if it has not ended after this time')
    .option('--stuck <duration>', 'report a run as stuck after this time without output or progress')
    .option('--cancel-late', 'also cancel a run that is reported')
    .option('--paused', 'create it paused')
    .option('-c, --command <line>', 'a bash command line instead of a program')
    .option('--operation <name>', 'an operation of the server')
    .option('-p, --param <name=value>', 'a parameter of the operation; repeatable', many)
    .option('--spec <file>', 'a request as JSON; - reads it from standard input')
    .option('--plan <file>', 'a plan as JSON; - reads it from standard input')
    .option('-t, --timeout <duration>', 'longest attempt')
    .option('-e, --env <name[=value]>', 'a variable; repeatable', many)
    .option('-l, --label <name=value>', 'a label; repeatable', many)
    .action((name: string, words: string[], flags: PutFlags) => put(session, name, words, flags));
  schedule
    .command('list')
    .alias('ls')
    .summary('list schedules with their next due times')
    .action(() => list(session));
  schedule
    .command('runs')
    .summary('list the results of due times')
    .argument('<name>')
    .action((name: string) => runs(session, name));
  schedule
    .command('run')
    .summary('run a schedule now')
    .argument('<name>')
    .action((name: string) => runNow(session, name));
  for (const action of ['pause', 'resume'] as const)
    schedule
      .command(action)
      .summary(`${action} a schedule`)
      .argument('<name>')
      .action((name: string) => change(session, action, name));
  schedule
    .command('rm')
    .summary('remove a schedule and its history')
    .argument('<name>')
    .action((name: string) => remove(session, name));
}

async function put(session: Session, name: string, words: string[], flags: PutFlags): Promise<void> {
  const { client, terminal } = session;
  if (flags.plan !== undefined && words.length > 0) throw usage('Give either a command after --, or --plan.');
  const { at, ...ofSpec } = flags;
  const work =
    flags.plan === undefined
      ? { execution: specOf(words, ofSpec, terminal.env) satisfies Spec }
      : { plan: specFile(flags.plan) };
  const optional = <T>(value: string | undefined, parse: (text: string) => T) =>
    value === undefined ? undefined : parse(value);
  const body = given({
    ...{ cron: flags.cron, every_ms: optional(flags.every, durationMs), at, timezone: flags.timezone },
    ...{ overlap: flags.overlap, misfire: flags.misfire, jitter_ms: optional(flags.jitter, durationMs) },
    ...{ max_runs: optional(flags.maxRuns, wholeNumber), paused: flags.paused },
    silent_after_ms: optional(flags.silentAfter, durationMs),
    ...work,
  });
  const path = { name };
  const made = await dataOf(
    client.api.PUT('/v1/schedules/{name}', { params: { path }, body: body as never }),
  );
  if (session.isJson) return terminal.json(made);
  await terminal.line(`${made.name}: next ${made.next[0] ?? 'never'}`);
}

async function list({ client, terminal, isJson }: Session): Promise<void> {
  const answer = await dataOf(client.api.GET('/v1/schedules'));
  if (isJson) return terminal.json(answer.items);
  const columns = [
    { name: 'NAME', value: (one: Schedule) => one.name },
    { name: 'STATE', value: (one: Schedule) => (one.silent_since === null ? one.state : 'silent') },
    { name: 'WHEN', value: whenOf },
    { name: 'NEXT', value: (one: Schedule) => one.next[0] ?? '-' },
    { name: 'LAST', value: (one: Schedule) => one.last ?? '-' },
    { name: 'RUNS', value: (one: Schedule) => String(one.runs) },
  ];
  await terminal.line(table(terminal.out, columns, answer.items));
}

function whenOf({ cron, every_ms: everyMs, at }: Schedule): string {
  return cron ?? (everyMs === null ? (at ?? '') : `every ${everyMs / 1000}s`);
}

async function runs({ client, terminal, isJson }: Session, name: string): Promise<void> {
  const answer = await dataOf(client.api.GET('/v1/schedules/{name}/runs', { params: { path: { name } } }));
  if (isJson) return terminal.json(answer.items);
  const columns = [
    { name: 'DUE', value: (one: Run) => one.due },
    { name: 'RESULT', value: (one: Run) => one.result },
    { name: 'ID', value: (one: Run) => one.id ?? '-' },
    { name: 'DETAIL', value: (one: Run) => one.detail ?? '', isOpen: true },
  ];
  await terminal.line(table(terminal.out, columns, answer.items));
}

async function runNow({ client, terminal, isJson }: Session, name: string): Promise<void> {
  const run = await dataOf(client.api.POST('/v1/schedules/{name}/run', { params: { path: { name } } }));
  if (isJson) return terminal.json(run);
  await terminal.line(run.id ?? run.result);
}

async function change(
  { client, terminal, isJson }: Session,
  action: 'pause' | 'resume',
  name: string,
): Promise<void> {
  const changed = await dataOf(
    client.api.POST(`/v1/schedules/{name}/${action}`, { params: { path: { name } } }),
  );
  if (isJson) return terminal.json(changed);
  await terminal.line(`${changed.name}: ${changed.state}`);
}

async function remove({ client }: Session, name: string): Promise<void> {
  await dataOf(client.api.DELETE('/v1/schedules/{name}', { params: { path: { name } } }));
}
