// Tools that run something: a command, an operation of the operator, a plan, and what has run before.
import { createHash } from 'node:crypto';
import type { CallToolResult } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { Execution, Operation, Spec } from '../client/index.ts';
import { executionResult, planResult } from './results.ts';
import { executionToEnd, planToEnd } from './to-end.ts';
import { type Call, type McpTool, tool } from './tool.ts';

const waitS = z
  .int()
  .min(0)
  .max(86_400)
  .optional()
  .describe(
    'Wait at most this number of seconds for the end. If the execution is still running then, return its id; 0: return at once. Default: wait until the execution ends.',
  );
const env = z.record(z.string(), z.string()).optional().describe('Environment variables.');
const shared = {
  cwd: z.string().optional().describe('Working directory. Default: a new empty one.'),
  env,
  stdin: z.string().optional().describe('Text for its standard input.'),
  timeout_s: z.number().gt(0).optional().describe('execd ends the execution after this number of seconds.'),
  wait_s: waitS,
};

const ENDS =
  'Returns exit code, stdout and stderr; long output is cut and marked. Cancelling this call ends the whole process tree.';

export function commandTool(commands: 'any' | { programs: string[] }): McpTool {
  return commands === 'any' ? anyCommand() : listedCommand(commands.programs);
}

function anyCommand(): McpTool {
  return tool({
    name: 'run_command',
    title: 'Run a command',
    description: `Runs a command line with the shell of the execd server. ${ENDS}`,
    input: z.strictObject({
      command: z.string().min(1).describe('The command line, for /bin/sh -c.'),
      ...shared,
    }),
    run: ({ command, ...more }, call) =>
      runSpec({ kind: 'shell', command, ...specOf(more) }, more.wait_s, call),
  });
}

function listedCommand(programs: readonly string[]): McpTool {
  const list = programs.length === 0 ? 'those of your templates' : programs.join(', ');
  return tool({
    name: 'run_command',
    title: 'Run a program',
    description: `Runs one program, without a shell. You may run: ${list}. ${ENDS}`,
    input: z.strictObject({
      program: z.string().min(1).describe('The program, by absolute path.'),
      args: z.array(z.string()).optional().describe('Its arguments, one by one.'),
      ...shared,
    }),
    run: ({ program, args = [], ...more }, call) =>
      runSpec({ kind: 'exec', program, args, ...specOf(more) }, more.wait_s, call),
  });
}

type Shared = { [Name in keyof typeof shared]?: z.infer<(typeof shared)[Name]> };

function specOf({ cwd, env, stdin, timeout_s: timeoutS }: Shared): object {
  return {
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env }),
    ...(stdin === undefined ? {} : { stdin }),
    ...(timeoutS === undefined ? {} : { timeouts: { attempt_ms: Math.ceil(timeoutS * 1000) } }),
  };
}

async function runSpec(spec: Spec, waitS: number | undefined, call: Call): Promise<CallToolResult> {
  return ended(await call.client.submit(spec), waitS, call);
}

async function ended(begun: Execution, waitS: number | undefined, call: Call): Promise<CallToolResult> {
  if (begun.phase === 'done' || waitS === 0) return executionResult(begun);
  return executionResult(await executionToEnd(call, begun.id, waitS ?? null));
}

const OPERATION = 'op_';
export const isOperationTool = (name: string): boolean => name.startsWith(OPERATION);

/** Names of tools: letters, digits, `_` and `-`, 64 at most. */
const MAX_NAME = 64;

/** The tools of operations, each with a name of its own. */
export function operationTools(operations: readonly Operation[]): McpTool[] {
  const taken = new Set<string>();
  return operations.map((operation) => {
    let name = `${OPERATION}${operation.name.replaceAll('.', '_')}`;
    if (name.length > MAX_NAME || taken.has(name)) {
      const hash = createHash('sha256').update(operation.name).digest('hex').slice(0, 8);
      name = `${name.slice(0, MAX_NAME - 9)}_${hash}`;
    }
    taken.add(name);
    return operationTool(name, operation);
  });
}

/** Its parameters are checked by execd, which knows their schema. */
function operationTool(name: string, { name: operation, description, params }: Operation): McpTool {
  return {
    name,
    title: operation,
    description: `${description === '' ? `Runs the operation ${operation}.` : description} ${ENDS}`,
    inputSchema: { ...params, type: 'object' },
    run: (args, call) =>
      runSpec(
        { kind: 'operation', name: operation, params: args as Record<string, unknown> },
        undefined,
        call,
      ),
  };
}

export const planTool = tool({
  name: 'run_plan',
  title: 'Run a plan',
  description:
    'Runs several steps in one request, in order, in parallel or by their dependencies. ' +
    'Example: {"plan": {"strategy": {"type": "serial"}, "steps": [{"name": "a", "kind": "shell", "command": "echo 1"}, ' +
    '{"name": "b", "kind": "shell", "command": "echo ${steps.a.stdout}"}]}}. Returns the state of each step; read_log with the ' +
    'execution of a step shows its output. Cancelling this call ends all steps.',
  input: z.strictObject({
    plan: z
      .looseObject({
        strategy: z.looseObject({
          type: z
            .enum(['serial', 'parallel', 'dependency_graph'])
            .describe('How the steps depend on each other.'),
        }),
        steps: z
          .array(z.looseObject({ name: z.string(), kind: z.string().optional() }))
          .min(1)
          .describe('Each has a name, a kind, and the fields of its kind; `depends_on` names other steps.'),
      })
      .describe('The body of POST /v1/plans.'),
    wait_s: waitS,
  }),
  async run({ plan, wait_s: wait }, call) {
    const begun = await call.client.plans.submit(plan as never);
    if (begun.phase === 'done' || wait === 0) return planResult(begun);
    return planResult(await planToEnd(call, begun.id, wait ?? null));
  },
});

export const rerunTool = tool({
  name: 'rerun',
  title: 'Run again',
  description: `Runs an earlier execution again, with the same request. ${ENDS}`,
  input: z.strictObject({
    id: z.string().min(1).describe('Id of an execution that has ended.'),
    params: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Of an operation: parameters that change; the others stay.'),
    wait_s: waitS,
  }),
  async run({ id, params, wait_s: wait }, call) {
    return ended(await call.client.rerun(id, params === undefined ? {} : { params }), wait, call);
  },
});
