// Clients that others generate from the OpenAPI document: they compile under `strict`, and a tour with each of them works
// against a server.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
const run = (what: string, ...args: string[]) => {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  check(status === 0, what);
};
run('both clients compile', 'node_modules/@typescript/native/bin/tsc', '-p', 'test/clients');

const server = await startServer({
  EXECUTION_DATA_DIR: join(scratch(), 'data'),
  EXECUTION_PORT: await freePort(),
});
run('a tour with openapi-fetch', 'test/clients/fetch-tour.ts', server.url);
run('a tour with @hey-api/openapi-ts', 'test/clients/hey-tour.ts', server.url);
await server.stop();
finish();
