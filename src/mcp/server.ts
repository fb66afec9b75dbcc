// The MCP server: tools and resources of one caller. It reaches execd only through the client, so that every call meets the checks,
// quotas and prices that each request of the API meets.
import {
  type CallToolResult,
  ProtocolError,
  ProtocolErrorCode,
  McpServer,
  type RequestId,
  type ServerContext,
  type Tool,
} from '@modelcontextprotocol/server';
import { dataOf, type Execd } from '../client/index.ts';
import type { ClientClock } from '../client/time.ts';
import { toResult } from './errors.ts';
import { CANCELLING_TOOLS, READING_TOOLS } from './look-tools.ts';
import { listResources, readResource, RESOURCE_TEMPLATES } from './resources.ts';
import { commandsOf, mayRunOperation, readRights } from './rights.ts';
import { commandTool, isOperationTool, operationTools, planTool, rerunTool } from './run-tools.ts';
import type { Call, McpTool } from './tool.ts';
import { DECIDING_TOOLS, LISTING_APPROVALS } from './wait-tools.ts';

export interface McpWorld {
  client: Execd;
  clock: ClientClock;
  version: string;
  /**
   * Begins a call: a signal that aborts when the client cancels it by a message of its own, and what is to be done at its end.
   * The signal of the SDK aborts when the client is gone.
   */
  begin: (id: RequestId) => { cancelled: AbortSignal; end: () => void };
  /** Whether a client that is gone has thereby cancelled its call. */
  goneCancels: boolean;
}

const INSTRUCTIONS =
  'execd runs commands, operations and plans on a server, within the rights of this key. Calls that run something wait for the end, ' +
  'unless wait_s is shorter; wait_execution, read_log and cancel_execution take the id that they return. ' +
  'Output in results is bounded. "truncated": true means that there is more; read_log returns it.';

const PAGE = 200;

export function buildMcpServer(world: McpWorld): McpServer {
  const { client, version } = world;
  const about = { name: 'execd', title: 'execd', version };
  const capabilities = { tools: {}, resources: {} };
  const mcp = new McpServer(about, { capabilities, instructions: INSTRUCTIONS });
  // The tools are those of the caller, and their schemas come from the API.
  const { server } = mcp;
  server.setRequestHandler('tools/list', async ({ params }, { mcpReq: { signal } }) => {
    const from = pageOf(params?.cursor);
    const all = await readable(toolsOf(client, signal));
    const tools = all.slice(from, from + PAGE).map(shownOf);
    return { tools, ...(from + PAGE < all.length ? { nextCursor: String(from + PAGE) } : {}) };
  });
  server.setRequestHandler('tools/call', ({ params: { name, arguments: args = {}, _meta } }, context) =>
    callTool(world, name, args, { context, progressToken: _meta?.progressToken }),
  );
  server.setRequestHandler('resources/list', async (_request, { mcpReq: { signal } }) => ({
    resources: await readable(listResources(client, signal)),
  }));
  server.setRequestHandler('resources/templates/list', async () => ({
    resourceTemplates: [...RESOURCE_TEMPLATES],
  }));
  server.setRequestHandler('resources/read', ({ params: { uri } }, { mcpReq: { signal } }) =>
    readable(readResource(client, uri, signal)),
  );
  return mcp;
}

const shownOf = ({ name, title, description, inputSchema, annotations }: McpTool): Tool => ({
  ...{ name, inputSchema },
  ...{ title, description, annotations },
});

function pageOf(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  if (/^\d{1,6}$/.test(cursor)) return Number(cursor);
  throw new ProtocolError(
    ProtocolErrorCode.InvalidParams,
    'cursor is not one of this list. Begin without it.',
  );
}

/** The tools that the caller may use. Their operations are read only where they matter. */
async function toolsOf(client: Execd, signal: AbortSignal, withOperations = true): Promise<McpTool[]> {
  const rights = await readRights(client, signal);
  const tools: McpTool[] = [...READING_TOOLS, ...LISTING_APPROVALS];
  if (rights.scopes.has('cancel')) tools.push(...CANCELLING_TOOLS);
  if (rights.scopes.has('submit')) tools.push(...DECIDING_TOOLS);
  if (!rights.scopes.has('submit') || rights.lists.some((list) => list.length === 0)) return tools;
  const commands = commandsOf(rights);
  if (commands !== 'none') tools.push(commandTool(commands));
  tools.push(planTool, rerunTool);
  if (!withOperations) return tools;
  const { items } = await dataOf(client.api.GET('/v1/operations', { signal }));
  return [...tools, ...operationTools(items.filter((one) => mayRunOperation(rights, one)))];
}

async function callTool(
  world: McpWorld,
  name: string,
  args: unknown,
  asked: { context: ServerContext; progressToken: string | number | undefined },
): Promise<CallToolResult> {
  const { mcpReq } = asked.context;
  const { cancelled, end } = world.begin(mcpReq.id);
  const signal = AbortSignal.any([mcpReq.signal, cancelled]);
  const { progressToken } = asked;
  const call: Call = {
    client: world.client,
    clock: world.clock,
    signal,
    isCancelled: () => cancelled.aborted || world.goneCancels,
    progress:
      progressToken === undefined
        ? null
        : async (progress) =>
            mcpReq.notify({ method: 'notifications/progress', params: { progressToken, ...progress } }),
  };
  try {
    const tool = (await toolsOf(world.client, signal, isOperationTool(name))).find(
      (one) => one.name === name,
    );
    if (tool === undefined) throw unknownTool(name);
    return await tool.run(args, call);
  } catch (error) {
    const result = toResult(error);
    if (result === null) throw error;
    return result;
  } finally {
    end();
  }
}

function unknownTool(name: string): ProtocolError {
  const shown = JSON.stringify(name.slice(0, 100));
  return new ProtocolError(
    ProtocolErrorCode.InvalidParams,
    `There is no tool ${shown}, or this key may not use it. tools/list returns those that it may use.`,
  );
}

/** Errors of the API, in the words of the protocol. */
async function readable<Answer>(answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer;
  } catch (error) {
    const content = toResult(error)?.content[0];
    if (content?.type !== 'text') throw error;
    throw new ProtocolError(ProtocolErrorCode.InvalidRequest, content.text);
  }
}
