// Alerts and dashboards: generated, tested with promtool where there is one, about metrics that are there, and each with its section.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';
import { stringify } from 'yaml';
import { DASHBOARDS } from '../../scripts/monitoring/dashboards.ts';
import { monitoringFiles } from '../../scripts/monitoring/files.ts';
import { ALERTS, ruleTests } from '../../scripts/monitoring/rules.ts';
import { METRICS } from '../../src/observe/metric-catalogue.ts';
import { tempDir } from '../helpers/temp.ts';

const read = (path: string): string => readFileSync(path, 'utf8');

/** Runs a program of Debian's packages prometheus and prometheus-alertmanager; null where it is not there. */
function tool(name: string, ...args: string[]): { status: number | null; text: string } | null {
  const { error, status, stdout, stderr } = spawnSync(name, args, { encoding: 'utf8', timeout: 300_000 });
  return error !== undefined && 'code' in error && error.code === 'ENOENT'
    ? null
    : { status, text: stdout + stderr };
}
const NO_TOOL = 'promtool is not installed (apt-get install prometheus prometheus-alertmanager)';

t.test('rules and dashboards are what the code says (npm run generate)', async (t) => {
  for (const [path, text] of Object.entries(monitoringFiles())) t.equal(read(path), text, path);
});

t.test('rules and dashboards ask for metrics that there are, and each alert has its section', async (t) => {
  const names = new Set<string>(Object.values(METRICS).map(({ name }) => name));
  const ofNode = /^(process|nodejs)_/;
  const expressions = [
    ...ALERTS.map(({ expr }) => expr),
    ...DASHBOARDS.flatMap(({ panels }) => panels.flatMap(({ queries }) => queries.map(([expr]) => expr))),
  ];
  t.ok(expressions.length > 90);
  for (const expr of expressions) {
    const asked =
      expr.replace(/execd:[a-z_]+:\w+|\{[^}]*\}|by \([^)]*\)/g, '').match(/\b[a-z]+(_[a-z0-9]+)+\b/g) ?? [];
    for (const one of asked) {
      const known = names.has(one) || names.has(one.replace(/_(bucket|count|sum)$/, ''));
      t.ok(known || ofNode.test(one) || one === 'histogram_quantile' || one === 'predict_linear', one);
    }
  }
  const document = read('docs/operate/monitoring.md');
  for (const { name } of ALERTS) t.ok(document.includes(`\n### ${name}\n`), name);
  for (const { panels } of DASHBOARDS)
    t.ok(panels.length <= 6 && panels.every((one) => one.queries.length <= 5));
});

t.test('promtool finds nothing wrong, and each alert fires when it should and only then', async (t) => {
  const file = join(tempDir(t), 'rules-test.yaml');
  writeFileSync(file, stringify(ruleTests(resolve('monitoring/rules.yaml'))));
  const tested = tool('promtool', 'test', 'rules', file);
  if (tested === null) return t.comment(NO_TOOL);
  t.equal(tested.status, 0, tested.text);
  const checked = tool('promtool', 'check', 'config', 'monitoring/prometheus.yml');
  t.equal(checked?.status, 0, checked?.text ?? '');
  const routed = tool('amtool', 'check-config', 'monitoring/alertmanager.yml');
  if (routed !== null) t.equal(routed.status, 0, routed.text);
});
