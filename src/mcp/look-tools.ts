// Tools that look at what runs and has run, and the one that ends it.
import { z } from 'zod';
import { isPlan } from '../client/kinds.ts';
import type { Execution } from '../client/index.ts';
import { readLog } from './logs.ts';
import { executionResult, logUri, planResult } from './results.ts';
import { executionToEnd, lookAt } from './to-end.ts';
import { type McpTool, READS, tool } from './tool.ts';

const id = z.string().min(1).describe('Id of an execution.');
const STATUSES = ['pending', 'running', 'completed', 'failed', 'timed_out', 'cancelled'] as const;
const MAX_LISTED = 100;

const listTool = tool({
  name: 'list_executions',
  title: 'List executions',
  description: 'Lists executions of this user, newest first.',
  input: z.strictObject({
    status: z.array(z.enum(STATUSES)).optional().describe('Only these.'),
    operation: z.string().optional().describe('Only those of this operation.'),
    limit: z.int().min(1).max(MAX_LISTED).default(20).describe('How many.'),
  }),
  annotations: READS,
  async run({ limit, status, operation }, { client, signal }) {
    const filter = {
      limit,
      ...(status === undefined ? {} : { status }),
      ...(operation === undefined ? {} : { operation }),
    };
    const found: Execution[] = [];
    for await (const one of client.list(filter, { signal })) {
      found.push(one);
      if (found.length === limit) break;
    }
    const items = found.map((one) => ({
      execution_id: one.id,
      status: one.status,
      kind: one.kind,
      what: whatOf(one),
      created: one.timestamps.created,
      exit_code: one.outcome?.exit_code ?? null,
    }));
    const text = items.map(({ execution_id: id, status: is, what }) => `${id} ${is} ${what}`).join('\n');
    return {
      content: [{ type: 'text', text: text === '' ? 'There are none.' : text }],
      structuredContent: { executions: items },
    };
  },
});

const SHOWN_CHARS = 120;

function whatOf({ kind, operation, spec }: Execution): string {
  const { command, program, args, url, service } = spec as Record<string, string> & { args?: string[] };
  const words = [operation ?? command ?? url ?? service ?? program, ...(args ?? [])].join(' ');
  return `${kind}: ${words}`.replace(/\s+/g, ' ').slice(0, SHOWN_CHARS);
}

const getTool = tool({
  name: 'get_execution',
  title: 'Get an execution',
  description: 'Returns how an execution is, or how it ended, with the end of its output.',
  input: z.strictObject({ id }),
  annotations: READS,
  async run({ id: of }, { client, signal }) {
    const found = await client.get(of, { signal });
    return isPlan(found) ? planResult(await client.plans.get(of, { signal })) : executionResult(found);
  },
});

const waitTool = tool({
  name: 'wait_execution',
  title: 'Wait for an execution',
  description:
    'Waits until an execution has ended, at most wait_s seconds, and returns how it is then. Cancelling this call leaves it running.',
  input: z.strictObject({
    id,
    wait_s: z.int().min(1).max(3600).default(60).describe('Longest wait, seconds.'),
  }),
  annotations: READS,
  async run({ id: of, wait_s: wait }, call) {
    const ended = await executionToEnd({ ...call, isCancelled: () => false }, of, wait);
    return executionResult(ended);
  },
});

const cancelTool = tool({
  name: 'cancel_execution',
  title: 'Cancel an execution',
  description:
    'Ends an execution and its whole process tree, or a plan and its steps, and waits until that is done.',
  input: z.strictObject({ id, reason: z.string().max(200).optional().describe('Why; kept with it.') }),
  annotations: { destructiveHint: true, idempotentHint: true, openWorldHint: false },
  async run({ id: of, reason }, { client, signal }) {
    await client.cancel(of, { reason: reason ?? 'cancelled over MCP' });
    const { id: execution, status, phase } = await lookAt(client, of, 30, signal);
    const text =
      phase === 'done'
        ? `Execution ${execution} has ended as ${status}.`
        : `Execution ${execution} is being cancelled; its processes have not all ended. Call wait_execution.`;
    return {
      content: [{ type: 'text', text }],
      structuredContent: { execution_id: execution, status, phase },
    };
  },
});

const MAX_TAIL = 10_000;

const logTool = tool({
  name: 'read_log',
  title: 'Read a log',
  description:
    'Returns output of an execution, also while it runs: the last lines, or, with the cursor of an earlier call, the next part.',
  input: z.strictObject({
    id,
    stream: z.enum(['all', 'stdout', 'stderr']).default('all').describe('Which stream.'),
    tail: z.int().min(1).max(MAX_TAIL).default(200).describe('The number of last lines, without a cursor.'),
    cursor: z.string().optional().describe('`next_cursor` of an earlier call: continue there.'),
  }),
  annotations: READS,
  async run({ id: of, stream, tail, cursor }, { client, signal }) {
    const from = cursor === undefined ? { tail } : { cursor };
    const { text, next, hasMore, isComplete } = await readLog(client, of, { stream, ...from, signal });
    const notes = [
      hasMore ? `[execd: truncated; continue with cursor ${next}, or read ${logUri(of)}]` : '',
      isComplete
        ? '[execd: the log is complete]'
        : `[execd: the execution has not ended; continue with cursor ${next}]`,
    ];
    return {
      content: [{ type: 'text', text: [text, notes.find((note) => note !== '')].join('\n') }],
      structuredContent: { text, next_cursor: next, truncated: hasMore, complete: isComplete && !hasMore },
    };
  },
});

export const READING_TOOLS: readonly McpTool[] = [listTool, getTool, waitTool, logTool];
export const CANCELLING_TOOLS: readonly McpTool[] = [cancelTool];
