// The MCP endpoint, which is loaded when the first agent comes.
import type { Clock, Log } from '../domain/ports/clock.ts';
import type { McpServing } from '../http/mcp/routes.ts';
import { VERSION } from './version.ts';

export function mcpServing({ clock, log }: { clock: Clock; log: Log }): () => Promise<McpServing> {
  let loaded: Promise<McpServing> | null = null;
  return () => (loaded ??= load(clock, log));
}

async function load(clock: Clock, log: Log): Promise<McpServing> {
  const { McpEndpoint } = await import('../mcp/endpoint.ts');
  return new McpEndpoint({
    version: VERSION,
    clock: { now: () => clock.monotonic(), sleep: (ms, signal) => clock.sleep(ms, signal) },
    // Also what clients get wrong: they have it in their answer.
    onError: (error) => log.debug({ err: error }, 'An MCP request was not served'),
  });
}
