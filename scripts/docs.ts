// Writes what is generated of the documentation: .env.example, and the table of docs/errors.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { envExample } from '../src/config/load.ts';
import { CATALOGUE, classOf } from '../src/domain/errors.ts';

const root = (path: string) => new URL(`../${path}`, import.meta.url);
const BEGIN = '<!-- begin table -->\n';
const END = '<!-- end table -->\n';

/** The catalogue as Markdown: refused requests first, then the ends of executions. */
export function errorTables(): string {
  const rows = Object.entries(CATALOGUE);
  const refused = rows.flatMap(([type, { status, code, fault, retryable, title }]) =>
    status === null
      ? []
      : [
          `| \`${type}\` | ${status} | ${code} | ${classOf(code)} | ${fault} | ${retryable ? 'yes' : 'no'} | ${title} |`,
        ],
  );
  const ends = rows.flatMap(([type, { status, code, fault, retryable, title }]) =>
    status === null
      ? [`| \`${type}\` | ${code} | ${classOf(code)} | ${fault} | ${retryable ? 'yes' : 'no'} | ${title} |`]
      : [],
  );
  return [
    '### Refused requests\n',
    '| type | status | code | class | fault | worth a retry | title |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...refused,
    '\n### Ends of executions\n',
    '| type | code | class | fault | worth a retry | title |',
    '| --- | --- | --- | --- | --- | --- |',
    ...ends,
    '',
  ].join('\n');
}

/** A document with its table replaced by the current one. */
export function withTables(text: string): string {
  const [before = '', rest = ''] = text.split(BEGIN);
  const [, after = ''] = rest.split(END);
  return before + BEGIN + errorTables() + END + after;
}

if (import.meta.main) {
  writeFileSync(root('.env.example'), envExample());
  writeFileSync(root('docs/errors.md'), withTables(readFileSync(root('docs/errors.md'), 'utf8')));
}
