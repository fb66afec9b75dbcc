// What a plan costs: a graph of 1,000 steps of /bin/true beside 1,000 single executions of it that come as batches, in turns
// in one run; and how a graph of 10,000 steps, and the check of one, bear on the server: time, memory, pauses of its event loop.
import { megabytes, memoryOf, type Server } from '../test/long/support.ts';
import { told, watched } from './watched.ts';

interface PlanWire {
  id: string;
  status: string;
  counts: Record<string, number>;
}

const STEPS = 1000;
const MOST = 10_000;
const STEP = { kind: 'exec', program: '/bin/true' };
/** Ends of a batch are asked for one by one. */
const WAIT_S = 60;

/** A graph in which each step waits for up to three of the hundred before it. */
function graph(size: number, step: (i: number, before: string[]) => object = () => STEP): object {
  const steps = Array.from({ length: size }, (_, i) => {
    const before = new Set<string>();
    for (let n = Math.floor(Math.random() * 4); n > 0 && i > 0; n--)
      before.add(`s${i - 1 - Math.floor(Math.random() * Math.min(i, 100))}`);
    return { ...step(i, [...before]), name: `s${i}`, depends_on: [...before] };
  });
  return { strategy: { type: 'dependency_graph' }, steps };
}

async function planEnded(server: Server, plan: object): Promise<void> {
  const { id } = await server.call<PlanWire>('POST', '/v1/plans', plan);
  for (;;) {
    const path = `/v1/plans/${id}?steps=false&wait=${WAIT_S}`;
    const { status, counts } = await server.call<PlanWire>('GET', path);
    if (status === 'running') continue;
    if (status !== 'completed') throw new Error(`the plan ended as ${status}: ${JSON.stringify(counts)}`);
    return;
  }
}

async function batchEnded(server: Server, size: number): Promise<void> {
  const executions = Array.from({ length: size }, () => STEP);
  const { items } = await server.call<{ items: { execution?: { id: string } }[] }>(
    'POST',
    '/v1/executions/batch',
    { executions },
  );
  const ids = items.flatMap(({ execution }) => execution?.id ?? []);
  if (ids.length !== size) throw new Error(`${ids.length} of ${size} were accepted`);
  for (const id of ids.reverse()) await server.finished(id);
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** The most memory that a server has had while something went on. */
async function withMemory(server: Server, work: () => Promise<void>): Promise<number> {
  let most = 0;
  const timer = setInterval(() => (most = Math.max(most, memoryOf(server.pid))), 50);
  await work().finally(() => clearInterval(timer));
  return most;
}

export async function measurePlans(rounds: number): Promise<void> {
  const { server, pauses } = await watched();
  const [plan, batch] = [() => planEnded(server, graph(STEPS)), () => batchEnded(server, STEPS)];
  await plan();
  await batch();
  let [bestPlan, bestBatch] = [Infinity, Infinity];
  for (let round = 0; round < rounds; round++) {
    bestPlan = Math.min(bestPlan, await seconds(plan));
    bestBatch = Math.min(bestBatch, await seconds(batch));
  }
  const ratio = bestPlan / bestBatch;
  const [each, eachSingle] = [bestPlan, bestBatch].map((s) => ((s * 1000) / STEPS).toFixed(2));
  console.log(
    `a plan of ${STEPS} steps: ${each} ms a step, ${eachSingle} ms a single execution, ${ratio.toFixed(2)} times as long` +
      `   expected at most 1.30${ratio > 1.3 ? ': ABOVE' : ''}`,
  );

  await pauses();
  const before = memoryOf(server.pid);
  let took = 0;
  const most = await withMemory(server, async () => {
    took = await seconds(() => planEnded(server, graph(MOST)));
  });
  console.log(
    `a plan of ${MOST} steps: ${took.toFixed(1)} s, ${((took * 1000) / MOST).toFixed(2)} ms a step; ` +
      `server memory ${megabytes(before)} before, ${megabytes(most)} at most, ${megabytes(memoryOf(server.pid))} after; ${told(await pauses())}`,
  );

  const referring = graph(MOST, (_, names) => ({
    ...STEP,
    args: names.map((name) => `\${steps.${name}.stdout}`),
    env: { FIRST: names[0] === undefined ? '' : `\${steps.${names[0]}.exit_code}` },
  }));
  await pauses();
  const checked = await seconds(async () => {
    const report = await server.call<{ valid: boolean }>('POST', '/v1/plans/validate', referring);
    if (!report.valid) throw new Error('the plan is not valid');
  });
  console.log(
    `check of ${MOST} steps with references: ${(checked * 1000).toFixed(0)} ms; ${told(await pauses())}`,
  );
  await server.stop();
}
