// `execd show`: one execution for people: what it is, why it ended so, and what to do next.
import type { Command } from 'commander';
import { isPlan, isRequest } from '../../client/kinds.ts';
import type { Execution } from '../../client/index.ts';
import { wallNow } from '../../client/time.ts';
import { commandOf, type Session } from '../session.ts';
import { facts, statusStyle } from '../table.ts';
import { plain, shownBytes, shownDuration } from '../units.ts';
import { statusWords, tookMs } from './executions.ts';
import { showPlan } from './plans.ts';

const LAST_LINES = 10;

export function showCommand(program: Command, session: Session): void {
  program
    .command('show')
    .summary('show an execution or a plan: the end, its reason and the next step')
    .argument('[id]', 'an id, the beginning of one, or @last', '@last')
    .action((id: string) => show(session, id));
}

async function show(session: Session, text: string): Promise<void> {
  const { terminal, client, isJson } = session;
  const id = await session.idOf(text);
  const execution = await client.get(id);
  if (isPlan(execution)) return showPlan(session, id);
  if (isJson) return terminal.json(execution);
  await terminal.line(summary(session, execution));
}

function summary({ terminal: { out } }: Session, one: Execution): string {
  const status = out.style(statusStyle(one.status) ?? 'reset', statusWords(one));
  const rows: [string, string | null][] = [
    ['Id', one.id],
    ['Command', plain(commandOf(one))],
    ['Status', status],
    ['Why', one.error?.message ?? null],
    ['Last words', lastWords(one)],
    ['Took', tookWords(one)],
    ['Progress', progressWords(one)],
    ['Attempts', attempts(one)],
    ['Output', outputWords(one)],
    ['Used', used(one)],
    ['Cost', one.cost === null ? null : `${one.cost.charged ?? one.cost.reserved} credits`],
    ['Cache', one.cache === null ? null : one.cache.status],
    ['Waits', one.queue === null ? null : `${one.queue.reason}, ${one.queue.position ?? 0} before it`],
    [
      'Cancel',
      one.cancel === null
        ? null
        : `asked for at ${one.cancel.at}${one.cancel.reason === null ? '' : `: ${plain(one.cancel.reason)}`}`,
    ],
    ['Processes', processes(one)],
    ['Warnings', one.warnings.map(({ message }) => message).join('\n') || null],
    [
      'Labels',
      Object.entries(one.labels)
        .map((pair) => plain(pair.join('=')))
        .join(' ') || null,
    ],
    ['Task', one.task_id === null ? null : plain(one.task_id)],
    ['Plan', one.plan_id === null ? null : `${one.plan_id}, step ${one.step ?? ''}`],
    ['Monitor', monitorWords(one)],
    ['User', one.user_id],
    ['Created', one.timestamps.created],
    ['Next', nextStep(one)],
  ];
  return facts(out, rows);
}

/** The last lines of stderr of what has failed; of stdout where there are none. */
function lastWords({ status, result }: Execution): string | null {
  if (status === 'completed' || typeof result !== 'object' || result === null) return null;
  const { stdout, stderr } = result as { stdout?: unknown; stderr?: unknown };
  const text = [stderr, stdout].find((one) => typeof one === 'string' && one.trim() !== '');
  if (typeof text !== 'string') return null;
  return text.trimEnd().split('\n').slice(-LAST_LINES).map(plain).join('\n');
}

function tookWords(one: Execution): string {
  const took = shownDuration(tookMs(one, wallNow()));
  const limits = [`limit ${shownDuration(one.timeouts.attempt_ms)}`];
  if (one.timeouts.idle_ms !== null) limits.push(`idle ${shownDuration(one.timeouts.idle_ms)}`);
  return `${took} (${limits.join(', ')})`;
}

/** What was reported, and what is watched. */
function monitorWords({ monitor }: Execution): string | null {
  if (monitor === null) return null;
  const { late_start_ms: start, late_ms: late, stuck_ms: stuck, cancel, told } = monitor;
  const bounds = { 'late start': start, late, stuck };
  const watched = Object.entries(bounds).flatMap(([name, ms]) =>
    ms === null ? [] : [`${name} after ${shownDuration(ms)}`],
  );
  const reported = told.map(({ event, time }) => `${event.toUpperCase()} since ${time}`);
  return [...reported, ...watched, ...(cancel ? ['then cancelled'] : [])].join(', ');
}

/** While it runs: what it says, when it will probably end, and what it uses. */
function progressWords({ progress }: Execution): string | null {
  if (progress === null) return null;
  const { percent, message, metrics, estimated_end: end, cpu_ms: cpu, memory_bytes: memory } = progress;
  const words = [
    percent === null ? null : `${percent} %`,
    message === null ? null : plain(message),
    ...Object.entries(metrics).map(([name, value]) => `${plain(name)} ${value}`),
    end === null ? null : `ends about ${end}`,
    cpu === null ? null : `CPU ${shownDuration(cpu)}`,
    memory === null ? null : `memory ${shownBytes(memory)}`,
  ];
  return words.filter((word) => word !== null).join(', ') || null;
}

function attempts({ attempts: list }: Execution): string | null {
  if (list.length < 2) return null;
  return list
    .map(({ number, outcome, started_at: from, ended_at: to }) => {
      const took = from === null || to === null ? null : Date.parse(to) - Date.parse(from);
      const code = outcome?.exit_code === undefined ? '' : ` ${outcome.exit_code}`;
      return `${number}: ${outcome === null ? 'runs' : outcome.cause}${code}, ${shownDuration(took)}`;
    })
    .join('\n');
}

function outputWords({ output }: Execution): string {
  const size = (stream: 'stdout' | 'stderr') => `${shownBytes(output[`${stream}_bytes`])} ${stream}`;
  return `${size('stdout')}, ${size('stderr')}${output.truncated ? '; the log is not complete' : ''}`;
}

function used({ resources }: Execution): string | null {
  if (resources === null) return null;
  const { cpu_ms: cpu, max_rss_bytes: memory } = resources;
  const parts = [
    cpu === null ? null : `${shownDuration(cpu)} CPU`,
    memory === null ? null : shownBytes(memory),
  ];
  return parts.filter((part) => part !== null).join(', ') || null;
}

function processes({ outcome }: Execution): string | null {
  const end = outcome?.process;
  if (end === undefined || end === null || end.signals.length === 0) return null;
  const sent = end.signals.map(({ signal }) => signal).join(', then ');
  return `got ${sent}; ${end.processes_found} found, ${end.survivors} left`;
}

function nextStep({ id, phase, status, outcome, kind }: Execution): string | null {
  if (phase !== 'done') return `execd attach ${id}    execd cancel ${id}`;
  if (status === 'completed') return null;
  if (outcome?.cause === 'spawn_failed') return `Correct the command: execd rerun --edit ${id}`;
  if (outcome?.cause.endsWith('_timeout') === true) return `Give it more time: execd rerun --edit ${id}`;
  return isRequest({ kind }) ? `execd rerun ${id}` : `execd logs ${id}    execd rerun ${id}`;
}
