// An agent that works on execd through MCP. It needs no model: `decide` stands where one would be asked, and follows rules.
//   npm install @modelcontextprotocol/client
//   EXECD_URL=http://127.0.0.1:8080 EXECD_API_KEY=… node agent.ts
import { Client, StreamableHTTPClientTransport, type Tool } from '@modelcontextprotocol/client';

const { EXECD_URL = 'http://127.0.0.1:8080', EXECD_API_KEY } = process.env;
const MAX_STEPS = 10;

/** What run_command returns as data. */
interface Result {
  status: string;
  stdout: string;
  stderr: string;
}
type Decision = { answer: string } | { why: string; tool: string; args: Record<string, unknown> };

/** A program with its test, as an agent would write them into the files of a project. */
const project = (sum: string) => `echo '${sum}' > add.sh
got=$(sh add.sh 2 2); [ "$got" = 4 ] && echo "2 + 2 = 4" || { echo "expected 4, got $got" >&2; exit 1; }`;

/** The next call of a tool, or the answer. A model gets the goal, the tools and the results so far, and decides the same. */
function decide(tools: Tool[], results: Result[]): Decision {
  const run = (why: string, command: string) => ({ why, tool: 'run_command', args: { command } });
  if (!tools.some(({ name }) => name === 'run_command'))
    return { answer: 'This key may run no command line.' };
  const last = results.at(-1);
  if (last === undefined) return run('see whether the test passes', project('echo $(($1 - $2))'));
  if (last.status === 'completed') return { answer: `done: the test passes: ${last.stdout.trim()}` };
  if (results.length === 1)
    return run(`the test fails: ${last.stderr.trim()}; mend the sum`, project('echo $(($1 + $2))'));
  return { answer: `I am stuck: ${last.stderr}` };
}

const client = new Client(
  { name: 'example-agent', version: '1.0.0' },
  { versionNegotiation: { mode: 'auto' } },
);
const headers: Record<string, string> =
  EXECD_API_KEY === undefined ? {} : { authorization: `Bearer ${EXECD_API_KEY}` };
await client.connect(
  new StreamableHTTPClientTransport(new URL('/mcp', EXECD_URL), { requestInit: { headers } }),
);
const { tools } = await client.listTools();
const results: Result[] = [];
for (let step = 1; step <= MAX_STEPS; step++) {
  const decision = decide(tools, results);
  if ('answer' in decision) {
    console.log(decision.answer);
    break;
  }
  console.log(`${step}. ${decision.why}`);
  const { structuredContent } = await client.callTool(
    { name: decision.tool, arguments: decision.args },
    // Output as it comes. A call with progress may take longer than the timeout of the client.
    { onprogress: ({ message }) => console.log(`   ${message}`), resetTimeoutOnProgress: true },
  );
  results.push(structuredContent as Result);
}
await client.close();
