// Writes openapi/openapi.json, or with --check tells whether it is what the code says.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { buildApp } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';

const FILE = new URL('../openapi/openapi.json', import.meta.url);

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
    return `${JSON.stringify(document, null, 2)}\n`;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const text = await openapiText();
  if (process.argv.includes('--check')) process.exitCode = readFileSync(FILE, 'utf8') === text ? 0 : 1;
  else writeFileSync(FILE, text);
}
