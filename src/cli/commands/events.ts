// `execd events`, `execd stats` and `execd top`: what happens, and how much.
import type { Command } from 'commander';
import { isPlan } from '../../client/kinds.ts';
import { given } from '../../client/calls.ts';
import { dataOf, type Event, type EventFilter, type Execution, type Stats } from '../../client/index.ts';
import { wallNow } from '../../client/time.ts';
import { usage } from '../exits.ts';
import { labelFilter, many } from '../options.ts';
import { drawAgain } from '../screen.ts';
import type { Session } from '../session.ts';
import { facts, statusStyle } from '../table.ts';
import { bar, plain } from '../units.ts';
import { executionTable } from './executions.ts';

interface EventFlags {
  follow?: boolean;
  type?: string;
  status?: string;
  kind?: string;
  task?: string;
  label?: string[];
  after?: string;
}

const EXAMPLES = `
Examples:
  $ execd events                        what happens from now on, until Ctrl-C
  $ execd events @last                  what has happened to one execution, until its end
  $ execd events --status failed,timed_out --json | notify
`;

export function eventCommands(program: Command, session: Session): void {
  program
    .command('events')
    .summary('follow events')
    .argument('[id]', 'an execution or a plan (default: all)')
    .option('-f, --follow', 'follow until Ctrl-C (events always follows)')
    .option('--type <list>', 'accepted, started, completed, failed, …')
    .option('-s, --status <list>', 'only changes to this status')
    .option('-k, --kind <list>', 'only these kinds')
    .option('--task <id>', 'only this group')
    .option('-l, --label <name=value>', 'only with this label; repeatable', many)
    .option('--after <event id>', 'only events after this one; 0 begins with the oldest')
    .addHelpText('after', EXAMPLES)
    .action((id: string | undefined, flags: EventFlags) => events(session, id, flags));
  program
    .command('stats')
    .summary('counts of executions, slots, ratios')
    .action(() => stats(session));
  program
    .command('top')
    .summary('a live screen: slots, queue, ratios, and running executions')
    .action(() => top(session));
}

async function events(session: Session, text: string | undefined, flags: EventFlags): Promise<void> {
  const { terminal, client } = session;
  const stream = text === undefined ? client.events(filterOf(flags)) : await eventsOf(session, text);
  for await (const { id, data } of stream) {
    session.isBack();
    if (!('type' in data)) continue;
    if (session.isJson) await terminal.line(JSON.stringify({ id, ...data }));
    else await terminal.line(lineOf(session, data));
  }
}

async function eventsOf(session: Session, text: string) {
  const id = await session.idOf(text);
  return isPlan(await session.client.get(id))
    ? session.client.plans.events(id)
    : session.client.executionEvents(id);
}

function filterOf({ type, status, kind, task, label, after = 'now' }: EventFlags): EventFilter {
  return given({
    ...{ type: type?.split(','), status: status?.split(','), kind: kind?.split(','), task_id: task },
    label: labelFilter(label),
    after: after === '0' ? undefined : after,
  }) as EventFilter;
}

function lineOf(
  { terminal: { out } }: Session,
  { time, type, execution_id: id, kind, step, error, status }: Event,
): string {
  const what = out.style(statusStyle(status) ?? 'reset', type.padEnd(15));
  const more = [step === null ? '' : `[${plain(step)}]`, error == null ? '' : plain(error.message)];
  return `${time}  ${what}  ${id}  ${kind}  ${more.join(' ')}`.trimEnd();
}

async function stats({ client, terminal, isJson }: Session): Promise<void> {
  const all = await dataOf(client.api.GET('/v1/stats'));
  if (isJson) return terminal.json(all);
  await terminal.line(facts(terminal.out, statRows(all)));
}

const percent = (ratio: number | null): string => (ratio === null ? '-' : `${(ratio * 100).toFixed(1)} %`);

function statRows({
  executions,
  total,
  concurrency,
  http_concurrency: http,
  ratios,
}: Stats): [string, string][] {
  const states = Object.entries(executions).map(([status, count]) => `${count} ${status}`);
  return [
    ['Executions', `${total}: ${states.join(', ')}`],
    ['Slots', `${concurrency.running} of ${concurrency.max} in use, ${concurrency.pending} wait`],
    ['HTTP slots', `${http.running} of ${http.max} in use, ${http.pending} wait`],
    [
      'Ratios',
      `${percent(ratios.cache_hit)} cache hits, ${percent(ratios.timeout)} timeouts, ${percent(ratios.retry)} retries`,
    ],
    ['Memory', percent(ratios.memory)],
  ];
}

async function top(session: Session): Promise<void> {
  const { terminal, client } = session;
  if (!terminal.out.isTerminal) throw usage('top needs a terminal. For a program: execd stats --json');
  const { out } = terminal;
  await drawAgain(out, 1000, async () => {
    const [all, live, ended] = await Promise.all([
      dataOf(client.api.GET('/v1/stats')),
      newest(session, ['pending', 'running']),
      newest(session, ['failed', 'timed_out']),
    ]);
    const { running, max } = all.concurrency;
    return [
      `execd  ${client.url}  ${new Date(wallNow()).toLocaleTimeString()}  ${out.style('dim', 'Ctrl-C ends it')}`,
      `${bar(running / Math.max(1, max), BAR)} ${running}/${max} slots`,
      facts(out, statRows(all)),
      `\n${out.style('bold', 'Running and waiting')}`,
      executionTable(session, live),
      `\n${out.style('bold', 'Failed last')}`,
      executionTable(session, ended.slice(0, 5)),
    ].join('\n');
  });
}
const BAR = 30;

async function newest({ client }: Session, status: Execution['status'][]): Promise<Execution[]> {
  const params = { query: { status, limit: 30 } };
  return (await dataOf(client.api.GET('/v1/executions', { params }))).items;
}
