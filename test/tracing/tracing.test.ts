import t, { type Test } from 'tap';
import { tracingSettings } from '../../src/config/tracing-settings.ts';
import type { PlanWire } from '../../src/http/plans/plan-schemas.ts';
import { service, type Service, shell } from '../helpers/build.ts';
import { type CollectedSpan, collector, type Collector } from '../helpers/collector.ts';
import { httpServer } from '../helpers/http-world.ts';
import { until } from '../helpers/processes.ts';
import { receiver } from '../helpers/receiver.ts';
import { tempDir } from '../helpers/temp.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const traceparent = (flags: string, trace = TRACE) => `00-${trace}-${CALLER}-${flags}`;

const traced = (
  t: Test,
  to: Collector,
  env: Record<string, string> = {},
  more: Record<string, string> = {},
) =>
  service(
    t,
    { EXECUTION_EGRESS_ALLOW: '127.0.0.1', ...env },
    {},
    { OTEL_EXPORTER_OTLP_ENDPOINT: to.url, OTEL_BSP_SCHEDULE_DELAY: '10', ...more },
  );

/** Waits until a trace has a span, and answers it. */
async function span(
  to: Collector,
  traceId: string,
  is: (one: CollectedSpan) => boolean,
): Promise<CollectedSpan> {
  let found: CollectedSpan | undefined;
  await until('the span is exported', () => {
    found = to.spans.find((one) => one.traceId === traceId && is(one));
    return found !== undefined;
  });
  return found as CollectedSpan;
}

const named = (name: string) => (one: CollectedSpan) => one.name === name;
const under = (parent: CollectedSpan, name: string) => (one: CollectedSpan) =>
  one.name === name && one.parentId === parent.spanId;

t.test('what a request begins is one trace, down to the process and to its webhooks', async (t) => {
  const to = await collector(t);
  const s = await traced(t, to, {}, { OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test%20bed' });
  const hooks = await receiver(t);
  await s.call('POST', '/v1/webhooks', { url: hooks.url }, { traceparent: traceparent('00') });
  const end = await s.run(shell('echo $TRACEPARENT; exit 3', { shell: 'sh' }), {
    traceparent: traceparent('01'),
  });
  const request = await span(to, TRACE, named('POST /v1/executions'));
  t.equal(request.parentId, CALLER);
  t.match(request.attributes, { 'http.route': '/v1/executions', 'http.response.status_code': 202 });
  const whole = await span(to, TRACE, under(request, 'execute shell'));
  t.match(whole.attributes, {
    ...{ 'execd.execution.id': end.id, 'execd.status': 'failed', 'execd.cause': 'exited' },
    'user.id': end.user_id,
  });
  t.equal(whole.status, 2);
  t.ok(to.spans.some(under(whole, 'queue')));
  const attempt = await span(to, TRACE, under(whole, 'attempt'));
  const process = await span(to, TRACE, under(attempt, 'sh'));
  t.match(process.attributes, { 'process.exit.code': 3, 'process.executable.name': 'sh' });
  t.ok(process.from >= attempt.from && process.to >= process.from);
  t.equal(
    (end.result as { stdout: string }).stdout,
    `00-${TRACE}-${process.spanId}-01\n`,
    'the command belongs to the span of its process',
  );
  const commit = await span(to, TRACE, under(request, 'store commit'));
  t.match(commit.attributes, { 'db.system.name': 'sqlite', 'execd.events': ['accepted'] });
  const delivery = await span(to, TRACE, under(whole, 'POST'));
  t.match(delivery.attributes, { 'http.response.status_code': 204, 'execd.event': 'failed' });
  t.equal(hooks.received.at(-1)?.headers.traceparent, `00-${TRACE}-${delivery.spanId}-01`);
  t.match(to.resource, { 'service.name': 'execd', 'deployment.environment.name': 'test bed' });
  t.match((await s.call<string>('GET', '/metrics')).text, /execd_trace_spans_total{result="exported"} [1-9]/);
});

t.test('steps are below their plan, a call to its target, and what is not sampled is nowhere', async (t) => {
  const to = await collector(t);
  const s = await traced(t, to);
  let header: unknown;
  const target = await httpServer(t, (request, response) => {
    header = request.headers.traceparent;
    response.end('{}');
  });
  const silent = `1${TRACE.slice(1)}`;
  await s.run(shell('true'), { traceparent: traceparent('00', silent) });
  const steps = [{ name: 'call', kind: 'http', url: `${target}/a?key=secret` }];
  const { body } = await s.call<PlanWire>('POST', '/v1/plans', {
    strategy: { type: 'serial' },
    steps,
  });
  const traceId = body.trace_id;
  const request = await span(to, traceId, named('POST /v1/plans'));
  t.equal(request.parentId, '', 'it begins the trace');
  const plan = await span(to, traceId, under(request, 'plan'));
  const step = await span(to, traceId, under(plan, 'step http'));
  t.match(step.attributes, { 'execd.plan.id': body.id, 'execd.step': 'call' });
  const attempt = await span(to, traceId, under(step, 'attempt'));
  const call = await span(to, traceId, under(attempt, 'GET'));
  t.equal(call.kind, 3);
  t.match(call.attributes, { 'url.full': `${target}/a`, 'http.response.status_code': 200 });
  t.equal(header, `00-${traceId}-${call.spanId}-01`);
  t.notOk(to.spans.some((one) => one.traceId === silent));
  t.notOk(JSON.stringify(to.spans, (_name, value: unknown) => String(value)).includes('secret'));
});

t.test('a restart goes on with the trace', async (t) => {
  const to = await collector(t);
  const dir = tempDir(t);
  const first = await traced(t, to, { EXECUTION_DATA_DIR: dir });
  const { id, trace_id } = await first.submit(shell('true', { delay_ms: 86_400_000 }));
  const request = await span(to, trace_id, named('POST /v1/executions'));
  await first.stop();
  const second = await traced(t, to, { EXECUTION_DATA_DIR: dir });
  await second.call('POST', `/v1/executions/${id}/cancel`);
  const whole = await span(to, trace_id, under(request, 'execute shell'));
  t.match(whole.attributes, { 'execd.status': 'cancelled', 'execd.execution.id': id });
  t.equal(whole.status, 0, 'a cancel is no error');
});

t.test(
  'a collector that is silent or broken holds up nothing, and spans beyond the bound are dropped',
  async (t) => {
    const to = await collector(t);
    to.answer = () => undefined;
    const s = await traced(t, to, {}, { OTEL_BSP_MAX_QUEUE_SIZE: '5' });
    await s.run(shell('true'));
    await s.run(shell('true'));
    t.match(await metric(s), /{result="dropped"} [1-9]/);
    await s.stop();
    t.equal(s.lines.at(-1)?.msg, 'Stopped');

    to.answer = (response) => response.writeHead(400).end();
    const other = await traced(t, to);
    await other.run(shell('true'));
    await until('the failure is logged', () => linesOfCollector(other).length === 1);
    to.answer = (response) => response.writeHead(200).end();
    await other.run(shell('true'));
    await until('the log says that it works again', () => linesOfCollector(other).length === 2);
    t.match(await metric(other), /{result="failed"} [1-9]/);
    t.match(linesOfCollector(other)[0], { url: `${to.url}/v1/traces`, level: 40 });
  },
);

const metric = async (s: Service) => (await s.call<string>('GET', '/metrics')).text;
const linesOfCollector = ({ lines }: Service) =>
  lines.filter(({ msg }) => msg.includes('collector of traces'));

t.test('the standard variables are read, and what is wrong with them is said', async (t) => {
  const on = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' };
  t.equal(tracingSettings({}), null);
  t.equal(tracingSettings({ ...on, OTEL_SDK_DISABLED: 'true' }), null);
  t.equal(tracingSettings({ ...on, OTEL_TRACES_EXPORTER: 'none' }), null);
  t.equal(tracingSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: '' }), null);
  t.equal(tracingSettings({ OTEL_TRACES_EXPORTER: 'otlp' })?.url, 'http://localhost:4318/v1/traces');
  t.equal(tracingSettings(on)?.url, 'http://collector:4318/v1/traces');
  const own = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://a/b' };
  t.equal(tracingSettings({ ...on, ...own })?.url, 'http://a/b');
  const ratio = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' };
  t.same(tracingSettings({ ...on, ...ratio })?.sampler, { ratio: 0.25, isParentBased: false });
  t.equal(tracingSettings({ ...on, OTEL_SERVICE_NAME: 'jobs' })?.attributes['service.name'], 'jobs');
  for (const [wrong, message] of [
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /supports http\/protobuf, not "grpc"/],
    [{ OTEL_TRACES_EXPORTER: 'zipkin' }, /supports otlp, none, not "zipkin"/],
    [{ OTEL_TRACES_SAMPLER_ARG: '2' }, /must be a number from 0 to 1/],
    [{ OTEL_BSP_MAX_QUEUE_SIZE: '-1' }, /must be a whole number from 1 to 100000, not "-1"/],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'nonsense' }, /"nonsense" must be name=value/],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'collector:4317' }, /must be an http or https URL/],
  ] as const)
    t.throws(() => tracingSettings({ ...on, OTEL_TRACES_EXPORTER: 'otlp', ...wrong }), { message });
});
