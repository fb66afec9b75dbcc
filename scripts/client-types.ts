// Writes src/client/schema.ts: the types of openapi/openapi.json, as `openapi-typescript` makes them.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const DOCUMENT = new URL('../openapi/openapi.json', import.meta.url);
const TYPES = new URL('../src/client/schema.ts', import.meta.url);

/** The first line of the types: it names the document that they come from, so that a stale file shows. */
export function headOf(document: string): string {
  const hash = createHash('sha256').update(document).digest('hex');
  return `// Generated from openapi/openapi.json by \`npm run generate\`; sha256 ${hash}.\n`;
}

if (import.meta.main) {
  const head = headOf(readFileSync(DOCUMENT, 'utf8'));
  // Making them takes some seconds.
  if (existsSync(TYPES) && readFileSync(TYPES, 'utf8').startsWith(head)) process.exit(0);
  const { default: openapiTS, astToString } = await import('openapi-typescript');
  const types = astToString(await openapiTS(DOCUMENT));
  writeFileSync(TYPES, head + types);
}
