// Plans whose server is killed again and again until they end. Each attempt of a step writes lines of its own: they prove
// what has run, whatever the record says.
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PlanWire } from '../../src/http/plans/plan-schemas.ts';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';

export interface KillableServer {
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
  kill(): Promise<void>;
}

export interface Kills {
  /** What is wrong; empty when all is as promised. */
  problems: string[];
  kills: number;
  /** Steps that were interrupted: those that ran again, and those that did not. */
  again: number;
  lost: number;
}

type StepWire = NonNullable<PlanWire['steps']>[number];
type Draft = Record<string, unknown> & { steps: object[] };

const AGAIN = {
  retry_safe: true,
  retry: { attempts: 100, min_ms: 0, multiplier: 0, retry_on: { causes: ['lost'] } },
};
const ONCE = { continue_on_error: true };

/** A step that says when it begins and when it ends, in a file of its own. */
function step(dir: string, name: string, as: string = name) {
  const command =
    'echo "began $EXECUTION_ATTEMPT" >> "$FILE"; sleep 0.0$((RANDOM % 10)); echo "ended $EXECUTION_ATTEMPT" >> "$FILE"';
  return { name, kind: 'shell', command, env: { FILE: join(dir, as) } };
}

/** A graph of 60 steps; one in four may run again. */
export function graphPlan(dir: string): Draft {
  const nameOf = (i: number) => `${i % 4 === 0 ? 'again' : 'once'}${i}`;
  const steps = Array.from({ length: 60 }, (_, i) => {
    const before = new Set<string>();
    for (let n = Math.floor(Math.random() * 4); n > 0 && i > 0; n--)
      before.add(nameOf(i - 1 - Math.floor(Math.random() * Math.min(i, 10))));
    return { ...step(dir, nameOf(i)), depends_on: [...before], ...(i % 4 === 0 ? AGAIN : ONCE) };
  });
  return { strategy: { type: 'dependency_graph' }, steps };
}

/** Loops over lists, a loop on a condition, and a plan in the plan. */
export function loopPlan(dir: string): Draft {
  const each = (name: string) => ({
    ...step(dir, name, `${name}[\${index}]`),
    foreach: { items: Array.from({ length: 100 }, (_, i) => i) },
  });
  const inner = Array.from({ length: 8 }, (_, i) => ({
    ...step(dir, `${i % 2 ? 'again' : 'once'}-in${i}`),
    ...(i % 2 ? AGAIN : ONCE),
  }));
  const steps = [
    { ...each('again'), ...AGAIN },
    { ...each('once'), ...ONCE },
    {
      ...step(dir, 'while', 'while[${iteration}]'),
      ...AGAIN,
      while: { condition: 'iteration < 20', max_iterations: 30 },
    },
    { name: 'nested', kind: 'plan', strategy: { type: 'serial' }, steps: inner },
  ];
  return { strategy: { type: 'parallel' }, steps };
}

/** Runs a plan whose server dies so many times, each time after a random while, until it ends. */
export async function runKilled(
  makePlan: (dir: string) => Draft,
  dir: string,
  start: () => Promise<KillableServer>,
  most: number,
): Promise<Kills & { server: KillableServer }> {
  mkdirSync(dir, { recursive: true });
  let server = await start();
  const plan = makePlan(dir);
  const { id } = await server.call<PlanWire>('POST', '/v1/plans', plan);
  const problems: string[] = [];
  /** The lines of those that were seen to have completed. */
  const seen = new Map<string, string>();
  let kills = 0;
  for (; kills < most; kills++) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 700));
    const steps = await leaves(server, id);
    for (const { name, status } of steps)
      if (status === 'completed' && !seen.has(name)) seen.set(name, linesOf(dir, name).join());
    if ((await server.call<PlanWire>('GET', `/v1/plans/${id}?steps=false`)).phase === 'done') break;
    await server.kill();
    server = await start();
  }
  let end: PlanWire;
  do end = await server.call<PlanWire>('GET', `/v1/plans/${id}?wait=30`);
  while (end.phase !== 'done');
  const steps = await leaves(server, id);
  if (end.status !== 'completed')
    problems.push(`the plan ended as ${end.status}: ${JSON.stringify(end.error)}`);
  let [again, lost] = [0, 0];
  for (const one of steps) {
    const lines = linesOf(dir, one.name);
    if (new Set(lines).size !== lines.length) problems.push(`${one.name} wrote ${lines.join()}`);
    const before = seen.get(one.name);
    if (before !== undefined && before !== lines.join())
      problems.push(`${one.name} had completed, and ran again: ${before}, then ${lines.join()}`);
    const record = await server.call<ExecutionWire>('GET', `/v1/executions/${one.execution_id}`);
    problems.push(...wrongWith(one, record, lines));
    if (beginnings(lines) > 1) again += 1;
    if (record.status !== 'completed') lost += 1;
  }
  return { problems, kills, again, lost, server };
}

/** What the record says against the lines. Those whose name begins with `once` may begin once. */
function wrongWith(
  { name }: StepWire,
  { status, attempts, outcome }: ExecutionWire,
  lines: string[],
): string[] {
  const has = (word: string, attempt: number | undefined) => lines.includes(`${word} ${attempt}`);
  const wrong: string[] = [];
  for (const { number, outcome } of attempts.slice(0, -1)) {
    // One that was claimed and not begun goes back to the queue.
    if (outcome === null ? has('began', number) : outcome.cause !== 'lost')
      wrong.push(`${name} was tried again after ${JSON.stringify(outcome)}, and wrote ${lines.join()}`);
  }
  if (name.startsWith('once') && beginnings(lines) > 1) wrong.push(`${name} began twice: ${lines.join()}`);
  const last = attempts.at(-1)?.number;
  if (status === 'completed' ? !has('ended', last) : outcome?.cause !== 'lost')
    wrong.push(`${name} is ${status} by ${JSON.stringify(outcome)}, and wrote ${lines.join()}`);
  return wrong;
}

const beginnings = (lines: string[]) => lines.filter((line) => line.startsWith('began')).length;

/** The steps that are no plans, also those of the plans among them; by their names, which are different. */
async function leaves(server: KillableServer, id: string): Promise<StepWire[]> {
  const { steps = [] } = await server.call<PlanWire>('GET', `/v1/plans/${id}`);
  const found: StepWire[] = [];
  for (const one of steps) {
    if (one.kind !== 'plan') found.push(one);
    else if (one.execution_id !== null) found.push(...(await leaves(server, one.execution_id)));
  }
  return found;
}

function linesOf(dir: string, name: string): string[] {
  const file = join(dir, name);
  appendFileSync(file, '');
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}
