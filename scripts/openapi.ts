// Writes openapi/openapi.json, or with --check tells whether it is what the code says.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { buildApp } from '../src/app/build-app.ts';
import { loadConfig } from '../src/config/load.ts';

const FILE = new URL('../openapi/openapi.json', import.meta.url);

type JsonObject = Record<string, unknown>;

/** How deep each part of the document is spread over lines: one line for each operation, schema and so on. */
const DEPTHS: Record<string, number> = { paths: 2, webhooks: 1, components: 2, tags: 1 };

/** JSON that is as small as a file that people compare can be. */
function lines(document: JsonObject): string {
  const parts = Object.entries(document).map(
    ([name, value]) => `${JSON.stringify(name)}:${spread(value, DEPTHS[name] ?? 0)}`,
  );
  return `{\n${parts.join(',\n')}\n}\n`;
}

function spread(value: unknown, depth: number): string {
  if (depth === 0 || typeof value !== 'object' || value === null) return JSON.stringify(value);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const items = Object.entries(value as JsonObject).map(([name, one]) => {
    const key = Array.isArray(value) ? '' : `${JSON.stringify(name)}:`;
    return key + spread(one, depth - 1);
  });
  return `${open ?? ''}\n${items.join(',\n')}\n${close ?? ''}`;
}

/** The document as it is committed. */
export async function openapiText(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'execd-openapi-'));
  try {
    const config = loadConfig({ EXECUTION_DATA_DIR: dir });
    const { server } = await buildApp(config, pino({ level: 'silent' }), {
      execPath: process.execPath,
      pid: 0,
    });
    await server.ready();
    const document = server.swagger();
    await server.close();
    return lines(document as unknown as JsonObject);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const text = await openapiText();
  if (process.argv.includes('--check')) process.exitCode = readFileSync(FILE, 'utf8') === text ? 0 : 1;
  else writeFileSync(FILE, text);
}
