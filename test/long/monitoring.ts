// A real Prometheus and Alertmanager (Debian: prometheus, prometheus-alertmanager) with the files of monitoring/: they scrape a
// server, a run that is stuck fires its alert, and the alert reaches a webhook and is resolved. The queries that the documents of
// other systems name are answered beside what the API says has happened, and every query of the dashboards is asked.
//
//   npm run test:monitoring
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { execa } from 'execa';
import { DASHBOARDS } from '../../scripts/monitoring/dashboards.ts';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { until } from '../helpers/processes.ts';
import { check, finish, freePort, inFlight, scratch, startServer } from './support.ts';

/** Seconds after which a run is stuck here; the rule says 5400. */
const STUCK_S = 20;
const LONG_MS = 120_000;
/** A quantile of a histogram may be so far off, and a rate whose series begin with their first event: it is not counted. */
const OFF = 0.1;
const RUNS = 60;

interface Alarm {
  path: string;
  status: string;
  names: string[];
}

const dir = scratch();
const [metricsPort, prometheusPort, alertmanagerPort] = [
  await freePort(),
  await freePort(),
  await freePort(),
];
const alarms: Alarm[] = [];
const receiver = createServer((request, response) => {
  let text = '';
  request.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  request.on('end', () => {
    const { status, alerts } = JSON.parse(text) as {
      status: string;
      alerts: { labels: { alertname: string } }[];
    };
    alarms.push({ path: request.url ?? '', status, names: alerts.map(({ labels }) => labels.alertname) });
    response.end();
  });
});
await new Promise<void>((done) => receiver.listen(0, '127.0.0.1', done));
const { port: receiverPort } = receiver.address() as { port: number };

/** A file of monitoring/ for this machine and for minutes instead of hours. */
function adapt(name: string, changes: readonly (readonly [string, string])[]): string {
  let text = readFileSync(join('monitoring', name), 'utf8');
  for (const [from, to] of changes) {
    if (!text.includes(from)) throw new Error(`monitoring/${name} has no ${from}`);
    text = text.replaceAll(from, to);
  }
  writeFileSync(join(dir, name), text);
  return join(dir, name);
}
adapt('rules.yaml', [
  ['> 5400\n        for: 5m', `> ${STUCK_S}\n        for: 0m`],
  ['interval: 30s', 'interval: 1s'],
]);
const prometheusFile = adapt('prometheus.yml', [
  ['interval: 15s', 'interval: 1s'],
  ['127.0.0.1:9464', `127.0.0.1:${metricsPort}`],
  ['127.0.0.1:9093', `127.0.0.1:${alertmanagerPort}`],
]);
const alertmanagerFile = adapt('alertmanager.yml', [
  ['127.0.0.1:9999', `127.0.0.1:${receiverPort}`],
  ['group_interval: 5m', 'group_interval: 1s'],
]);

function daemon(program: string, ...args: string[]) {
  const child = execa(program, args, {
    reject: false,
    buffer: false,
    stdio: 'ignore',
    killSignal: 'SIGKILL',
  });
  void child.then(({ failed, isTerminated }) => {
    if (!failed || isTerminated) return;
    check(false, `${program} runs (apt-get install prometheus prometheus-alertmanager)`);
    finish();
    process.exit();
  });
  return child;
}
mkdirSync(join(dir, 'tsdb'));
const alertmanager = daemon(
  'prometheus-alertmanager',
  `--config.file=${alertmanagerFile}`,
  `--storage.path=${join(dir, 'alertmanager')}`,
  `--web.listen-address=127.0.0.1:${alertmanagerPort}`,
  '--cluster.listen-address=',
);
const prometheus = daemon(
  'prometheus',
  `--config.file=${prometheusFile}`,
  `--storage.tsdb.path=${join(dir, 'tsdb')}`,
  `--web.listen-address=127.0.0.1:${prometheusPort}`,
);
const server = await startServer({
  EXECUTION_DATA_DIR: join(dir, 'data'),
  EXECUTION_PORT: await freePort(),
  EXECUTION_METRICS_PORT: metricsPort,
  EXECUTION_MAX_CONCURRENT: '2',
});

/** The value of a query: of its first series that has one; null when it has none. @throws Error when Prometheus cannot answer it */
async function ask(query: string): Promise<number | null> {
  const url = `http://127.0.0.1:${prometheusPort}/api/v1/query?query=${encodeURIComponent(query)}`;
  const answer = (await (await fetch(url)).json()) as {
    status: string;
    error?: string;
    data?: { result: { value: [number, string] }[] };
  };
  if (answer.status !== 'success') throw new Error(answer.error);
  // Series of kinds that have not run say nothing.
  const values = answer.data?.result.map(({ value }) => Number(value[1])) ?? [];
  return values.find((value) => !Number.isNaN(value)) ?? values[0] ?? null;
}
const hears = async (query: string) => (await ask(query).catch(() => null)) !== null;
await until('Prometheus has scraped the server', () => hears('execd_ready == 1'), LONG_MS);
check(true, 'Prometheus scrapes the server');

// ------------------------------------------------------------------------------ the source's queries, and the truth

const exec = (seconds: number, more: object = {}) => ({
  ...{ kind: 'exec', program: 'sleep', args: [String(seconds)] },
  ...more,
});
const attempts: number[] = [];
let [hits, lookups, timeouts, retries, ended] = [0, 0, 0, 0, 0];
async function run(spec: object): Promise<void> {
  const end = await server.finished((await server.submit(spec)).id);
  const { cache, status } = end as ExecutionWire & { cache: { status: string } | null };
  if (cache !== null) lookups += 1;
  if (cache?.status === 'hit') hits += 1;
  if (status === 'timed_out') timeouts += 1;
  ended += 1;
  retries += Math.max(0, end.attempts.length - 1);
  for (const { started_at: from, ended_at: to } of end.attempts as unknown as {
    started_at: string | null;
    ended_at: string | null;
  }[])
    if (from !== null && to !== null) attempts.push((Date.parse(to) - Date.parse(from)) / 1000);
}
const jobs = Array.from({ length: RUNS }, (_, i) => () => run(exec(0.1 + ((i * 7) % RUNS) * 0.02)));
await inFlight(2, jobs);
for (let i = 0; i < 10; i++) await run(exec(0, { cache: {} }));
for (let i = 0; i < 4; i++) await run(exec(60, { timeouts: { attempt_ms: 100 } }));
await run({ kind: 'exec', program: 'false', retry: { attempts: 3, min_ms: 10, max_ms: 20 } });
await until(
  'Prometheus has seen all ends',
  async () => (await ask('sum(execd_executions_finished_total)')) === ended,
  LONG_MS,
);
attempts.sort((a, b) => a - b);
const truth = attempts[Math.ceil(attempts.length * 0.95) - 1] ?? 0;
const near = (value: number | null, expected: number, off: number) =>
  value !== null && Math.abs(value - expected) <= off * expected;
async function beside(what: string, query: string, expected: number, off = 0.001): Promise<void> {
  const value = await ask(query);
  check(near(value, expected, off), `${what}: ${value?.toFixed(4)}, in truth ${expected.toFixed(4)}`);
}
await beside(
  "the source's cache hit rate",
  'rate(cache_hits_total[5m]) / (rate(cache_hits_total[5m]) + rate(cache_misses_total[5m]))',
  hits / lookups,
);
await beside(
  "the source's p95 of the duration",
  'histogram_quantile(0.95, rate(operation_duration_seconds_bucket[5m]))',
  truth,
  OFF,
);
// Rates of few events say how often by the window; both over the same window say what they are of each other.
await beside(
  "the source's timeout rate, of the rate of ends",
  'sum(rate(timeout_errors_total[5m])) / sum(rate(execd_executions_finished_total[5m]))',
  timeouts / ended,
  OFF,
);
await beside(
  "the source's retry rate, of the timeout rate",
  'sum(rate(retry_attempts_total[5m])) / sum(rate(timeout_errors_total[5m]))',
  retries / timeouts,
);

// -------------------------------------------------------------------------------- the stuck run, and its alert

const stuck = await server.submit(exec(600));
const heard = (status: string) => () =>
  alarms.some(
    (one) => one.path === '/on-call' && one.status === status && one.names.includes('ExecdRunStuck'),
  );
await until('the alert reaches whoever is on call', heard('firing'), LONG_MS).then(
  () => check(true, 'a stuck run fires ExecdRunStuck, and Alertmanager delivers it'),
  () => check(false, 'a stuck run fires ExecdRunStuck, and Alertmanager delivers it'),
);

// -------------------------------------------------------------------------------------------- the dashboards

const queries = DASHBOARDS.flatMap(({ panels }) =>
  panels.flatMap((panel) => panel.queries.map(([expr]) => expr)),
);
const empty: string[] = [];
let wrong = 0;
for (const query of queries) {
  try {
    if ((await ask(query.replaceAll('$__rate_interval', '1m'))) === null) empty.push(query);
  } catch (error) {
    wrong += 1;
    console.log(`${query}: ${(error as Error).message}`);
  }
}
check(wrong === 0, `all ${queries.length} queries of the dashboards can be answered`);
console.log(
  `without data, because nothing of the kind has happened: ${empty.length}\n  ${empty.join('\n  ')}`,
);
check(empty.length <= queries.length / 4, `${queries.length - empty.length} of them have data`);

await server.call('POST', `/v1/executions/${stuck.id}/cancel`);
await until('the alert is resolved', heard('resolved'), LONG_MS).then(
  () => check(true, 'the alert is resolved after the run has ended'),
  () => check(false, 'the alert is resolved after the run has ended'),
);
await server.stop();
prometheus.kill();
alertmanager.kill();
await Promise.all([prometheus, alertmanager]);
receiver.close();
receiver.closeAllConnections();
finish();
