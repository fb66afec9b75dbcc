// Writes the rules and dashboards: as plain files in monitoring/, and for Kubernetes.
import { mkdirSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { DASHBOARDS, grafanaJson } from './dashboards.ts';
import { ruleGroups } from './rules.ts';

const HEAD = '# Generated from scripts/monitoring by npm run generate.\n';

/** Their texts by path. */
export function monitoringFiles(): Record<string, string> {
  const groups = ruleGroups();
  const rule = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'execd', labels: { 'app.kubernetes.io/name': 'execd' } },
    spec: groups,
  };
  const yaml = (value: object) => HEAD + stringify(value, { lineWidth: 0 });
  const dashboards = DASHBOARDS.map((one) => [
    `k8s/components/monitoring/dashboards/${one.uid}.json`,
    `${JSON.stringify(grafanaJson(one), null, 2)}\n`,
  ]);
  return {
    'monitoring/rules.yaml': yaml(groups),
    'k8s/components/monitoring/prometheus-rule.yaml': yaml(rule),
    ...(Object.fromEntries(dashboards) as Record<string, string>),
  };
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(monitoringFiles())) {
    const url = new URL(`../../${path}`, import.meta.url);
    mkdirSync(new URL('.', url), { recursive: true });
    writeFileSync(url, text);
  }
}
