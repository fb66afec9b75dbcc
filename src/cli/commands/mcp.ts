// `execd mcp`: execd as a tool server of an agent, over standard input and output.
import type { Command } from 'commander';
import { connect } from '../../client/index.ts';
import { VERSION } from '../../app/version.ts';
import type { Session } from '../session.ts';

const EXAMPLES = `
Examples:
  $ claude mcp add execd -- execd mcp
  {"mcpServers": {"execd": {"command": "execd", "args": ["mcp"], "env": {"EXECD_API_KEY": "…"}}}}

The command uses the server of the context, like all commands. Agents that speak HTTP need no process: give them the URL of the server with
/mcp, and the key as a bearer token.
`;

/** For so long an agent waits while the server is away. */
const OUTAGE_MS = 30_000;

export function mcpCommand(program: Command, session: Session): void {
  program
    .command('mcp')
    .summary('serve tools for AI agents on standard input and output (MCP)')
    .description(
      'Speaks the Model Context Protocol on standard input and output: an agent gets the commands, operations and plans that the key may run as tools.',
    )
    .addHelpText('after', EXAMPLES)
    .action(() => serve(session));
}

async function serve({ place, terminal }: Session): Promise<void> {
  const { serveMcp } = await import('../../mcp/stdio.ts');
  const { url, api_key: apiKey, user } = place;
  const client = connect({
    url,
    outageMs: OUTAGE_MS,
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(user === undefined || user === '' ? {} : { user }),
  });
  await serveMcp({
    input: process.stdin,
    client,
    version: VERSION,
    onError: ({ message }) => void terminal.note(message),
  });
}
