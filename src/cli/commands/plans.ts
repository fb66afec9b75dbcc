// `execd plan`: run, watch, check and draw plans; `execd redrive`.
import type { Command } from 'commander';
import { type Plan, type PlanLogOptions, type PlanRequest } from '../../client/index.ts';
import { systemClock, wallNow } from '../../client/time.ts';
import { begun, watched } from '../attach.ts';
import { signalCommand } from './approvals.ts';
import { EXIT, exitOfPlan, usage } from '../exits.ts';
import { firstOf, many } from '../options.ts';
import { asMermaid, asText, stepsOfFile, stepsOfPlan } from '../plan-graph.ts';
import { planView } from '../plan-view.ts';
import { Block } from '../screen.ts';
import type { Session } from '../session.ts';
import { statusStyle, table } from '../table.ts';
import { inputFile } from '../input-file.ts';
import { age, pairs, plain, shownDuration, wholeNumber } from '../units.ts';

const TICK_MS = 250;
/** A step that reports its progress is no event: the plan is read again after so many ticks. */
const PROGRESS_TICKS = 8;

const EXAMPLES = `
Examples:
  $ execd plan run build.json                a live view of its steps; at the end, the log of what failed
  $ execd plan run build.yaml -p version=2   with a parameter
  $ execd plan run --watch 01a1fc37          the view of a plan that runs already
  $ execd plan validate build.json           every problem at once; exit code 1 if there is one
  $ execd plan graph build.json --mermaid    for documents that draw Mermaid
`;

export function planCommands(program: Command, session: Session, end: (code: number) => void): void {
  const plan = program
    .command('plan')
    .summary('run, watch, check and draw plans')
    .addHelpText('after', EXAMPLES);
  plan
    .command('run')
    .summary('run a plan, and watch it')
    .argument('[file]', 'a plan as JSON or YAML; - reads it from standard input')
    .option('-p, --param <name=value>', 'a parameter of the plan; repeatable', many)
    .option('--watch <id>', 'watch a running plan')
    .option('-d, --detach', 'return at once, and print the id')
    .action(async (file: string | undefined, flags: RunFlags) => end(await run(session, file, flags)));
  plan
    .command('validate')
    .summary('check a plan without running it')
    .argument('<file>')
    .action(async (file: string) => end(await validate(session, file)));
  plan
    .command('graph')
    .summary('draw the steps of a plan')
    .argument('<file or id>')
    .option('--mermaid', 'as Mermaid')
    .action((of: string, { mermaid = false }: { mermaid?: boolean }) => graph(session, of, mermaid));
  plan
    .command('ls')
    .summary('list plans')
    .option('-n, --limit <number>', 'how many at most', '20')
    .action(({ limit }: { limit: string }) => list(session, wholeNumber(limit)));
  signalCommand(plan, session);
  program
    .command('redrive')
    .summary('run a plan again from where it failed, and keep completed steps')
    .argument('[id]', 'an id, the beginning of one, or @last', '@last')
    .option('-p, --param <name=value>', 'a parameter that changes; repeatable', many)
    .option('-d, --detach', 'return at once, and print the id')
    .action(async (id: string, flags: { param?: string[]; detach?: boolean }) =>
      end(await redrive(session, id, flags)),
    );
}

interface RunFlags {
  param?: string[];
  watch?: string;
  detach?: boolean;
}

async function run(session: Session, file: string | undefined, flags: RunFlags): Promise<number> {
  if (flags.watch !== undefined) return watch(session, await session.idOf(flags.watch));
  if (file === undefined) throw usage('Give the file of a plan, or --watch and the id of one.');
  const body = await inputFile<PlanRequest>(file);
  const params = { ...body.params, ...pairs(flags.param ?? [], '--param') };
  const plan = await session.client.plans.submit(
    Object.keys(params).length === 0 ? body : { ...body, params },
  );
  return begun(session, plan, flags.detach === true, watch);
}

async function redrive(
  session: Session,
  text: string,
  { param, detach = false }: { param?: string[]; detach?: boolean },
): Promise<number> {
  const changes = param === undefined ? {} : { params: pairs(param, '--param') };
  const plan = await session.client.plans.redrive(await session.idOf(text), changes);
  return begun(session, plan, detach, watch);
}

/** Shows a plan until it has ended. */
async function watch(session: Session, id: string): Promise<number> {
  const { terminal, client, isJson } = session;
  const block = new Block(terminal.out);
  return watched(session, {
    id,
    follow: async (signal) => {
      if (isJson) return client.plans.wait(id, { signal });
      try {
        return await follow(session, id, block, signal);
      } finally {
        await block.end();
      }
    },
    cancel: (reason) => client.plans.cancel(id, { reason }),
    async tell(plan) {
      if (isJson) await terminal.json(plan);
      else await epilogue(session, plan);
      return exitOfPlan(plan);
    },
    comeBack: `execd plan run --watch ${id}`,
  });
}

/** Draws it now and then, and asks for it when something has happened. */
async function follow(session: Session, id: string, block: Block, signal: AbortSignal): Promise<Plan> {
  const { client, terminal } = session;
  const over = new AbortController();
  let isStale = true;
  let failure: unknown = null;
  const told = new Map<string, string>();
  const listening = (async () => {
    for await (const _message of client.plans.events(id, {
      signal: AbortSignal.any([signal, over.signal]),
    })) {
      isStale = true;
      session.isBack();
    }
  })().catch((error: unknown) => {
    if (!over.signal.aborted) failure = error;
  });
  try {
    let plan: Plan | null = null;
    for (let ticks = 1; ; ticks++) {
      if (failure !== null) throw failure;
      const hasProgress = plan?.steps?.some(({ percent }) => percent !== null) === true;
      if (isStale || plan === null || (hasProgress && ticks % PROGRESS_TICKS === 0)) {
        isStale = false;
        plan = await client.plans.get(id, { signal });
      }
      if (terminal.out.isTerminal) await block.draw(planView(terminal.out, plan, wallNow()));
      else await tell(session, plan, told);
      if (plan.phase === 'done') return plan;
      await systemClock.sleep(TICK_MS, signal);
    }
  } finally {
    over.abort();
    await listening;
  }
}

/** Without a terminal: a line for each step that has begun or ended. */
async function tell({ terminal }: Session, { steps = [] }: Plan, told: Map<string, string>): Promise<void> {
  for (const { name, status, duration_ms: took, error } of steps) {
    if (status === 'pending' || told.get(name) === status) continue;
    told.set(name, status);
    const time = took === null ? '' : ` ${shownDuration(took)}`;
    await terminal.line(
      `[${plain(name)}] ${status}${time}${error === null ? '' : `: ${plain(error.message)}`}`,
    );
  }
}

/** What failed, with the last of its log. */
async function epilogue(session: Session, plan: Plan): Promise<void> {
  const { terminal, client } = session;
  if (plan.status === 'completed') {
    if (plan.result !== null && plan.result !== undefined && Object.keys(plan.result).length > 0)
      await terminal.json(plan.result);
    return;
  }
  for (const { name, status, execution_id: id } of plan.steps ?? []) {
    if ((status !== 'failed' && status !== 'timed_out') || id === null) continue;
    await terminal.error(`the end of the log of ${plain(name)} (execd logs ${id}):`);
    for await (const { bytes, stream } of client.logs(id, { tail: EPILOGUE_LINES }))
      await (stream === 'stderr' ? terminal.err : terminal.out).write(bytes);
  }
  await terminal.error(
    `${plan.error?.message ?? plan.status} To continue from there: execd redrive ${plan.id}`,
  );
}
const EPILOGUE_LINES = 40;

export async function showPlan({ terminal, client, isJson }: Session, id: string): Promise<void> {
  const plan = await client.plans.get(id);
  if (isJson) return terminal.json(plan);
  await terminal.line(`Plan ${plan.id}${plan.description === null ? '' : `: ${plain(plan.description)}`}`);
  await terminal.line(planView(terminal.out, plan, wallNow()));
  if (plan.error !== null)
    await terminal.line(`${plan.error.message} To continue from there: execd redrive ${plan.id}`);
}

export async function planLogs(
  { terminal, client, isJson }: Session,
  id: string,
  options: PlanLogOptions,
): Promise<void> {
  const open = new Map<string, { stream: 'stdout' | 'stderr'; step: string; text: Buffer }>();
  for await (const { bytes, ...record } of client.plans.logs(id, options)) {
    if (isJson) {
      await terminal.line(JSON.stringify(record));
      continue;
    }
    const { step, stream } = record;
    const key = `${stream} ${step}`;
    const text = Buffer.concat([open.get(key)?.text ?? Buffer.alloc(0), bytes]);
    const end = text.lastIndexOf(0x0a) + 1;
    open.set(key, { stream, step, text: text.subarray(end) });
    if (end > 0)
      await (stream === 'stderr' ? terminal.err : terminal.out).write(withStep(step, text.subarray(0, end)));
  }
  for (const { stream, step, text } of open.values())
    if (text.length > 0)
      await (stream === 'stderr' ? terminal.err : terminal.out).write(
        withStep(step, Buffer.concat([text, NEWLINE])),
      );
}
const NEWLINE = Buffer.from('\n');

function withStep(step: string, lines: Buffer): string {
  return lines
    .toString('latin1')
    .replace(/^(?!$)|^(?=\n)/gm, `[${Buffer.from(plain(step)).toString('latin1')}] `);
}

async function validate(session: Session, file: string): Promise<number> {
  const report = await session.client.plans.validate(await inputFile<PlanRequest>(file));
  const { terminal } = session;
  if (session.isJson) await terminal.json(report);
  else if (report.valid)
    await terminal.line(
      `${file} is valid: ${(report.levels ?? []).flat().length} steps in ${(report.levels ?? []).length} levels`,
    );
  else for (const { field, message } of report.problems) await terminal.error(`${field}: ${message}`);
  return report.valid ? EXIT.ok : EXIT.failed;
}

async function graph(session: Session, of: string, isMermaid: boolean): Promise<void> {
  const isId = of.startsWith('@') || /^[0-9a-f-]{6,36}$/.test(of);
  const steps = isId
    ? stepsOfPlan(await session.client.plans.get(await session.idOf(of)))
    : stepsOfFile(await inputFile<PlanRequest>(of));
  if (session.isJson) return session.terminal.json(steps);
  await session.terminal.line(isMermaid ? asMermaid(steps) : asText(steps));
}

async function list({ client, terminal, isJson }: Session, most: number): Promise<void> {
  const found = await firstOf(client.plans.list({ limit: Math.min(1000, most) }), most);
  if (isJson) return terminal.json(found);
  const now = wallNow();
  const columns = [
    { name: 'ID', value: ({ id }: Plan) => id },
    { name: 'STATUS', value: ({ status }: Plan) => status, style: ({ status }: Plan) => statusStyle(status) },
    { name: 'AGE', value: ({ timestamps }: Plan) => age(timestamps.created, now), isRight: true },
    { name: 'TOOK', value: ({ duration_ms: took }: Plan) => shownDuration(took), isRight: true },
    {
      name: 'STEPS',
      value: ({ counts }: Plan) => `${counts.total - counts.pending - counts.running}/${counts.total}`,
      isRight: true,
    },
    { name: 'DESCRIPTION', value: ({ description }: Plan) => description ?? '', isOpen: true },
  ];
  await terminal.line(table(terminal.out, columns, found));
}

/** A plan from a file: JSON, or YAML by its name. */
