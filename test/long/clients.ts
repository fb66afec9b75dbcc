// Clients that others generate from the OpenAPI document: they compile under `strict`, and a tour with each of them works
// against a server.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { createClient } from '@hey-api/openapi-ts';
import openapiTS, { astToString } from 'openapi-typescript';
import { check, finish, freePort, scratch, startServer } from './support.ts';

const DOCUMENT = new URL('../../openapi/openapi.json', import.meta.url);
const CLIENTS = 'build/clients';

mkdirSync(CLIENTS, { recursive: true });
writeFileSync(join(CLIENTS, 'fetch.ts'), astToString(await openapiTS(DOCUMENT)));
await createClient({
  input: DOCUMENT.pathname,
  output: { path: join(CLIENTS, 'hey'), module: { extension: '.ts' } },
  logs: { level: 'warn' },
});
const run = async (what: string, ...args: string[]) => {
  const { failed } = await execa(process.execPath, args, { stdio: 'inherit', reject: false });
  check(!failed, what);
};
await run('both clients compile', 'node_modules/@typescript/native/bin/tsc', '-p', 'test/clients');

const server = await startServer({
  EXECUTION_DATA_DIR: join(scratch(), 'data'),
  EXECUTION_PORT: await freePort(),
});
await run('a tour with openapi-fetch', 'test/clients/fetch-tour.ts', server.url);
await run('a tour with @hey-api/openapi-ts', 'test/clients/hey-tour.ts', server.url);
await recipe('python', ['python3', '-c', 'import requests'], (file) => ['python3', file], {
  ...{ file: 'main.py', expected: 'line 1\nline 2\nline 3\nfailed 3\n' },
});
await recipe('go', ['go', 'version'], (file) => ['go', 'run', file], {
  file: 'main.go',
  expected: 'failed 3\n',
});
await server.stop();
finish();

/** Runs the program of docs/reference/clients.md in a language, where the machine has it. */
async function recipe(
  language: string,
  probe: [string, ...string[]],
  command: (file: string) => string[],
  { file, expected }: { file: string; expected: string },
): Promise<void> {
  const [tool, ...args] = probe;
  if ((await execa(tool, args, { reject: false })).failed)
    return console.log(`skip  the recipe for ${language}: \`${probe.join(' ')}\` fails here`);
  const document = readFileSync('docs/reference/clients.md', 'utf8');
  const source = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(document)?.[1] ?? '';
  const path = join(scratch(), file);
  writeFileSync(path, source);
  const [program = '', ...words] = command(path);
  const options = { env: { EXECD_URL: server.url }, reject: false, stripFinalNewline: false } as const;
  const { stdout, stderr } = await execa(program, words, options);
  check(stdout === expected, `the recipe for ${language} ${stdout === expected ? '' : stdout + stderr}`);
}
