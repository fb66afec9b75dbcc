// Writes what kubectl makes of the manifests in k8s/, so that tests can read it where there is no kubectl: npm run generate:k8s
import { writeFileSync } from 'node:fs';
import { execa } from 'execa';

const FIXTURES = 'test/fixtures/kubernetes';
export const RENDERED: Readonly<Record<string, string>> = {
  single: 'k8s/overlays/single',
  ha: 'k8s/overlays/ha',
  'ha-pool': 'k8s/overlays/ha-pool',
  'ha-migrate': 'k8s/overlays/ha/migrate',
  'single-postgres': `${FIXTURES}/single-postgres`,
  'ha-keda': `${FIXTURES}/ha-keda`,
};

export const renderedFile = (name: string): string => `${FIXTURES}/rendered/${name}.yaml`;

/**
 * Renders a kustomization. The dashboards and alerts are left out: they are long, and have tests of their own.
 *
 * @throws Error when kubectl is missing or rejects it
 */
export async function render(dir: string): Promise<string> {
  const { stdout } = await execa('kubectl', ['kustomize', dir]);
  const left = (text: string) =>
    !/^kind: PrometheusRule$/m.test(text) && !/^ {4}grafana_dashboard:/m.test(text);
  return `${stdout.split('\n---\n').filter(left).join('\n---\n').trimEnd()}\n`;
}

if (import.meta.main)
  for (const [name, dir] of Object.entries(RENDERED)) writeFileSync(renderedFile(name), await render(dir));
