// Writes what is generated of the documentation: .env.example, docs/reference/metrics.md, and the table of docs/reference/errors.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { envExample } from '../src/config/load.ts';
import { TRACING_VARIABLES } from '../src/config/tracing-settings.ts';
import { type MetricSpec, SUBJECTS } from '../src/observe/metric-catalogue.ts';
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

/** The variables of traces as Markdown. */
export function tracingTable(): string {
  const rows = Object.entries(TRACING_VARIABLES).map(([name, about]) => `| \`${name}\` | ${about} |`);
  return ['| variable | meaning |', '| --- | --- |', ...rows, ''].join('\n');
}

/** A document with its table replaced by the current one. */
export function withTables(text: string, tables = errorTables()): string {
  const [before = '', rest = ''] = text.split(BEGIN);
  const [, after = ''] = rest.split(END);
  return before + BEGIN + tables + END + after;
}

/** docs/reference/metrics.md, from the catalogue. */
export function metricsDocument(): string {
  const sections = Object.entries(SUBJECTS).map(([subject, metrics]) => {
    const rows = Object.values(metrics as Record<string, MetricSpec>).map((one) => {
      const labels = one.labels.length === 0 ? '' : one.labels.map((label) => `\`${label}\``).join(', ');
      return `| \`${one.name}\` | ${one.type} | ${unitOf(one)} | ${labels} | ${one.about} | \`${exampleOf(one).replaceAll('|', '\\|')}\` |`;
    });
    return `## ${subject}\n\n| name | type | unit | labels | meaning | example |\n| --- | --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`;
  });
  return `${METRICS_HEAD}\n${sections.join('\n')}`;
}

const METRICS_HEAD = `# Metrics

<!-- Generated from src/observe/metric-catalogue.ts by npm run generate. -->

\`GET /metrics\` returns all metrics in the text format of Prometheus: with the scope \`read\`, or without a key on the port
\`EXECUTION_METRICS_PORT\`. Metrics of the process and of Node.js (\`process_*\`, \`nodejs_*\`) are there too.

- A label is a closed set, a route, or a name from the operations file; never a user, an id or a command.
- Counters begin at 0 with the server, so that ratios have both sides.
- A quantile of \`operation_duration_seconds\` and \`execd_queue_wait_seconds\` between 10 ms and 100 s is right
  within 10 %.
`;

function unitOf({ name, type }: MetricSpec): string {
  if (/_seconds(_total)?$/.test(name)) return 'seconds';
  if (/_bytes(_total)?$/.test(name)) return 'bytes';
  if (name.endsWith('_ratio')) return 'ratio';
  if (name.includes('credits')) return 'credits';
  return type === 'counter' ? 'count' : '';
}

function exampleOf({ name, type, labels, query }: MetricSpec): string {
  if (query !== undefined) return query;
  const by = labels.length === 0 ? '' : ` by (${labels.join(', ')}) `;
  if (type === 'counter') return `sum${by}(rate(${name}[5m]))`;
  if (type === 'gauge') return `max${by}(${name})`;
  const kept = labels.length === 0 ? 'le' : `le, ${labels.join(', ')}`;
  return `histogram_quantile(0.95, sum by (${kept}) (rate(${name}_bucket[5m])))`;
}

if (import.meta.main) {
  writeFileSync(root('.env.example'), envExample());
  writeFileSync(root('docs/reference/metrics.md'), metricsDocument());
  const tracing = root('docs/operate/tracing.md');
  writeFileSync(tracing, withTables(readFileSync(tracing, 'utf8'), tracingTable()));
  writeFileSync(
    root('docs/reference/errors.md'),
    withTables(readFileSync(root('docs/reference/errors.md'), 'utf8')),
  );
}
