// Judges what a run of several servers has come to, from the record of what clients were told, what the work itself has written
// down, and what the servers say afterwards. It shares no code with the servers, and starts nothing.
import { historyProblem } from '../../helpers/history.ts';

export const KINDS = ['again', 'once', 'failing', 'printer', 'cancelled', 'joined'] as const;
export type Kind = (typeof KINDS)[number];
/** Lines of a printer. */
export const NUMBERS = 500;
export const PRINTED = Array.from({ length: NUMBERS }, (_, i) => `${i + 1}\n`).join('');

/** How an execution is shown: the part that is judged. */
export interface Shown {
  id: string;
  run_id: string | null;
  phase: string;
  status: string;
  labels: Readonly<Record<string, string>>;
  outcome: { cause: string } | null;
  error: { type: string; fault: string } | null;
  attempts: readonly { number: number; started_at: string | null; ended_at: string | null }[];
  cache: { status: string } | null;
  cost: { charged: number | null } | null;
}
export interface Event {
  sequence: number;
  type: string;
  phase: string;
  attempt: number;
}
export interface Followed {
  kind: Kind;
  /** What a submission under one key was answered with, each time. */
  ids: readonly string[];
  /** Text of its log, when it has completed. */
  writes: string;
  /** The answer to its cancel, from any server. */
  cancel: { code: number; shown: Shown } | null;
  /** Its end as the client heard of it first. */
  end: Shown;
  /** From another server. */
  events: readonly Event[];
  /** Log of the last attempt, read when it had ended; null: not read. */
  log: string | null;
  /** Output that a follower got while it ran; null: nobody followed. */
  output: string | null;
}
export interface PlanRun {
  id: string;
  status: string;
  /** Those that a step waits for. */
  after: Readonly<Record<string, readonly string[]>>;
  steps: readonly { name: string; status: string; execution_id: string | null }[];
}
export interface Tick {
  schedule: string;
  everyMs: number;
  /** Due times of all executions that it started. */
  due: readonly string[];
}
export interface History {
  executions: readonly Followed[];
  plans: readonly PlanRun[];
  ticks: readonly Tick[];
  /** All executions that the servers know at the end, steps and scheduled ones too. */
  known: readonly Shown[];
  /** What the work has written down, in order: ID, word, attempt. */
  lines: readonly string[];
  ledger: { granted: number; balance: number; reserved: number; entries: readonly Entry[] };
  processesLeft: readonly string[];
}
export interface Entry {
  kind: string;
  amount: number;
  execution_id: string | null;
}

/** All that is wrong; empty when every promise was kept. */
export function problemsOf(history: History): string[] {
  const written = new Map<string, string[]>();
  for (const line of history.lines) {
    const [id = '', ...rest] = line.split(' ');
    written.set(id, [...(written.get(id) ?? []), rest.join(' ')]);
  }
  const known = new Map(history.known.map((one) => [one.id, one]));
  return [
    ...history.executions.flatMap((one) =>
      [...ofOne(one, written.get(one.end.id) ?? [], known.get(one.end.id))].map(
        (problem) =>
          `${one.end.id} (${one.kind}, ${one.end.status} by ${one.end.outcome?.cause}): ${problem}`,
      ),
    ),
    ...history.known.flatMap((one) => [...ofKnown(one, written.get(one.id) ?? [])]),
    ...[...written.keys()].filter((id) => !known.has(id)).map((id) => `${id} has run, and nobody knows it`),
    ...history.plans.flatMap((plan) => [...ofPlan(plan, history.lines)]),
    ...history.ticks.flatMap((tick) => [...ofTick(tick)]),
    ...ofJoins(history),
    ...ofLedger(history),
    ...history.processesLeft.map((what) => `a process is left: ${what}`),
  ];
}

const count = <T>(items: readonly T[], is: (item: T) => boolean) => items.filter(is).length;
const endOf = ({ phase, status, outcome, attempts }: Shown) =>
  JSON.stringify([phase, status, outcome?.cause, attempts.map(({ number }) => number)]);

function* ofOne(one: Followed, lines: readonly string[], known: Shown | undefined): Generator<string> {
  const { kind, ids, end, events, cancel } = one;
  if (new Set(ids).size !== 1) yield `one key has made ${[...new Set(ids)].join(', ')}`;
  if (known === undefined) yield 'it was accepted, and is not there';
  else if (endOf(known) !== endOf(end)) yield `its end was ${endOf(end)}, and is ${endOf(known)}`;
  const history = historyProblem(events);
  if (history !== null) yield `its events: ${history}`;
  if (cancel !== null) yield* ofCancel(one, cancel, lines);
  const cause = end.outcome?.cause ?? 'none';
  const mayBe = {
    ...{ again: ['exited'], printer: ['exited'], failing: ['exited'], joined: ['exited'] },
    ...{ once: ['exited', 'lost'], cancelled: ['exited', 'lost', 'cancelled'] },
  }[kind];
  if (end.status !== 'completed' && (kind === 'again' || !mayBe.includes(cause) || cause === 'exited'))
    yield `no end that can be; it wrote ${lines.join(', ')}`;
  if (kind === 'once' && count(lines, (line) => line.startsWith('began')) > 1)
    yield `it began twice: ${lines.join(', ')}`;
  if (kind === 'joined' || end.status !== 'completed') {
    if (one.output !== null && kind === 'printer' && !isOutput(one.output, end)) yield 'its followed output';
    return;
  }
  const last = end.attempts.at(-1)?.number ?? 0;
  if (!lines.includes(`ended ${last}`)) yield `attempt ${last} has not run: ${lines.join(', ')}`;
  if (one.log !== null && one.log !== one.writes)
    yield `its log has ${one.log.length} bytes: ${cut(one.log)}`;
  if (one.output !== null && !isOutput(one.output, end))
    yield `its follower got ${one.output.length} bytes: ${cut(one.output)}`;
}

const cut = (text: string) => JSON.stringify(text.slice(0, 200));

/** What attempts were interrupted at comes first; the whole comes last. */
function isOutput(output: string, { attempts, status }: Shown): boolean {
  if (attempts.length <= 1 && status === 'completed') return output === PRINTED;
  return status !== 'completed' || output.endsWith(PRINTED);
}

/** Once a cancel was answered, nothing starts. */
function* ofCancel(
  { end, events }: Followed,
  { code, shown }: NonNullable<Followed['cancel']>,
  lines: readonly string[],
): Generator<string> {
  const most = shown.attempts.length;
  if (end.attempts.length > most) yield `${end.attempts.length} attempts, and ${most} when it was cancelled`;
  if (code === 200 && endOf(shown) !== endOf(end)) yield `cancelled as ${endOf(shown)}, and is ${endOf(end)}`;
  const at = events.findIndex(({ type, phase }) => phase === 'canceling' || type === 'cancelled');
  if (at === -1 && end.status === 'cancelled') yield 'no event of its cancel';
  const ended = events.findIndex(({ phase }) => phase === 'done');
  if (code === 202 && at === -1 && ended === -1) yield 'its cancel was answered, and left nothing';
  if (at !== -1 && events.slice(at).some(({ type }) => type === 'started'))
    yield 'an attempt started after its cancel';
  for (const line of lines) {
    const [word, attempt] = line.split(' ');
    if (word === 'began' && Number(attempt) > (shown.attempts.at(-1)?.number ?? 0))
      yield `it wrote ${line} after its cancel`;
  }
}

/** Of whatever has run, followed or not. */
function* ofKnown(one: Shown, lines: readonly string[]): Generator<string> {
  if (one.phase !== 'done') yield `${one.id} has not ended`;
  if (new Set(lines).size !== lines.length) yield `${one.id}: an attempt ran twice: ${lines.join(', ')}`;
  const numbers = one.attempts.map(({ number }) => number);
  if (new Set(numbers).size !== numbers.length) yield `${one.id}: attempts ${numbers.join()}`;
  for (const line of lines) {
    const number = Number(line.split(' ')[1]);
    // Of a run that others share, the first has left it.
    if (!numbers.includes(number) && one.labels.kind !== 'joined')
      yield `${one.id} wrote ${line}, and has no such attempt`;
  }
  if (one.cost?.charged === null) yield `${one.id} is not charged`;
}

function* ofPlan({ id, status, after, steps }: PlanRun, lines: readonly string[]): Generator<string> {
  if (status !== 'completed') yield `the plan ${id} is ${status}`;
  const byName = new Map(steps.map((step) => [step.name, step]));
  const first = (step: string, word: string) => {
    const of = byName.get(step)?.execution_id;
    return lines.findIndex((line) => line.startsWith(`${of} ${word} `));
  };
  for (const { name, execution_id: execution, status: end } of steps) {
    const began = lines.filter((line) => line.startsWith(`${execution} began `));
    if (name.startsWith('once') && began.length > 1) yield `${name} of the plan ${id} began twice`;
    if (end === 'completed' && first(name, 'ended') === -1) yield `${name} of the plan ${id} has not run`;
    for (const before of after[name] ?? []) {
      if (byName.get(before)?.status !== 'completed' || began.length === 0) continue;
      if (first(name, 'began') < first(before, 'ended'))
        yield `${name} of the plan ${id} began before ${before} ended`;
    }
  }
}

/** Each due time once, without a gap. */
function* ofTick({ schedule, everyMs, due }: Tick): Generator<string> {
  const times = due.map((time) => Date.parse(time)).sort((a, b) => a - b);
  if (times.length === 0) yield `the schedule ${schedule} has started nothing`;
  for (const [i, time] of times.entries()) {
    const step = time - (times[i - 1] ?? time - everyMs);
    if (step === 0) yield `the schedule ${schedule} has served ${new Date(time).toISOString()} twice`;
    else if (step !== everyMs)
      yield `the schedule ${schedule} has a gap of ${step} ms before ${new Date(time).toISOString()}`;
  }
}

/** Of identical work, one run at a time. */
function* ofJoins({ executions }: History): Generator<string> {
  const groups = Map.groupBy(
    executions.filter(({ kind }) => kind === 'joined'),
    ({ end }) => end.labels.pair ?? '',
  );
  for (const [pair, members] of groups) {
    const runs = new Map(
      members.filter(({ end }) => end.attempts.length > 0).map(({ end }) => [end.run_id ?? end.id, end]),
    );
    const spans = [...runs]
      .map(([run, { attempts }]) => ({
        run,
        from: Date.parse(attempts[0]?.started_at ?? ''),
        to: Date.parse(attempts.at(-1)?.ended_at ?? ''),
      }))
      .sort((a, b) => a.from - b.from);
    for (const [i, { run, from }] of spans.entries()) {
      const before = spans[i - 1];
      if (before !== undefined && from < before.to)
        yield `the pair ${pair} ran twice at a time: ${before.run} and ${run}`;
    }
  }
}

/** Each execution is charged once, for what it came to be, and the account is the sum. */
function* ofLedger({ known, ledger, plans }: History): Generator<string> {
  const { granted, balance, reserved, entries } = ledger;
  const charges = entries.filter(({ kind }) => kind !== 'grant');
  const charged = new Map<string, number>();
  for (const { execution_id: id, amount } of charges) {
    if (id === null || charged.has(id)) yield `the ledger has ${id} twice`;
    charged.set(id ?? '', -amount);
  }
  const sum = entries.reduce((all, { amount }) => all + amount, 0);
  const grants = entries.reduce((all, { kind, amount }) => all + (kind === 'grant' ? amount : 0), 0);
  if (grants !== granted) yield `${granted} were granted, and the ledger has ${grants}`;
  if (sum !== balance || reserved !== 0)
    yield `the balance is ${balance}, ${reserved} reserved, and its entries are ${sum}`;
  const isPlan = new Set(plans.map(({ id }) => id));
  for (const { id, labels, status, error, attempts, cost } of known) {
    if (isPlan.has(id) || cost === null) continue;
    if ((charged.get(id) ?? 0) !== cost.charged)
      yield `${id} shows a charge of ${cost.charged}, and the ledger ${charged.get(id)}`;
    const isStarted = attempts.some(({ started_at: at }) => at !== null);
    const due = isStarted && error?.fault !== 'system' ? 1 : 0;
    // Of one that was stopped as it started nobody may know that it had; those that share a run share its price.
    const mayBe = status === 'cancelled' || labels.kind === 'joined' ? [0, 1] : [due];
    if (!mayBe.includes(cost.charged ?? -1)) yield `${id} was charged ${cost.charged} instead of ${due}`;
  }
}
