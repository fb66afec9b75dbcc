// What a tool is. Arguments are checked by the schema that its clients are shown; what is wrong with them is a result that an agent
// can act on, not an error of the protocol.
import type { CallToolResult, Tool } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { Execd } from '../client/index.ts';
import type { ClientClock } from '../client/time.ts';

/** One call of a tool. */
export interface Call {
  client: Execd;
  clock: ClientClock;
  /** Aborts when nobody waits for the result any more. */
  signal: AbortSignal;
  /** Whether that was asked for: then what runs is cancelled, too. */
  isCancelled: () => boolean;
  /** Null: the client wants none. */
  progress: ((progress: Progress) => Promise<void>) | null;
}

export interface Progress {
  /** Grows from one to the next. */
  progress: number;
  total?: number;
  message: string;
}

export interface McpTool extends Pick<
  Tool,
  'name' | 'title' | 'description' | 'inputSchema' | 'annotations'
> {
  run(args: unknown, call: Call): Promise<CallToolResult>;
}

interface Definition<Input extends z.ZodType> {
  name: string;
  title: string;
  description: string;
  input: Input;
  annotations?: Tool['annotations'];
  run: (args: z.infer<Input>, call: Call) => Promise<CallToolResult>;
}

export function tool<Input extends z.ZodType>({ input, run, ...about }: Definition<Input>): McpTool {
  const { $schema: _, ...schema } = z.toJSONSchema(input, { io: 'input' });
  return {
    ...about,
    inputSchema: schema as Tool['inputSchema'],
    async run(args, call) {
      const checked = input.safeParse(args);
      if (checked.success) return run(checked.data, call);
      const problems = checked.error.issues.map(
        ({ path, message }) => `- ${path.length === 0 ? 'arguments' : path.join('.')}: ${message}`,
      );
      return failed(
        `The arguments of ${about.name} are not valid. Correct them and call again:\n${problems.join('\n')}`,
      );
    },
  };
}

export const READS = { readOnlyHint: true, openWorldHint: false } as const;

export function failed(text: string, structured?: Record<string, unknown>): CallToolResult {
  return {
    isError: true,
    content: [{ type: 'text', text }],
    ...(structured === undefined ? {} : { structuredContent: structured }),
  };
}
