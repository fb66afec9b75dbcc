// Each runner host behind the server as it is shipped: chosen, named, and what it leaves of a daemon.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { until, withArgument } from '../helpers/processes.ts';
import { server, start } from '../helpers/server-process.ts';
import { tempDir } from '../helpers/temp.ts';

const isBuilt = existsSync('build/runner-host');
const names = isBuilt ? ['native', 'node'] : ['node'];

for (const name of names) {
  t.test(`the ${name} host serves when it is asked for, and is named wherever somebody looks`, async (t) => {
    const it = await server(t, { EXECUTION_DATA_DIR: join(tempDir(t), 'data'), EXECUTION_RUNNER_HOST: name });
    t.match(await it.get('/health'), { components: { runner_host: { status: 'healthy', name } } });
    t.match(await it.get('/v1/stats'), { runner_host: { name } });
    const { id } = await it.submit({ kind: 'shell', command: 'echo $PPID' });
    const done = await it.finished(id);
    t.match(done, { status: 'completed', attempts: [{ runner: name }] });
    const [attempt] = done.attempts;
    const { cpu_ms: cpuMs, max_rss_bytes: maxRssBytes } = attempt?.resources ?? {};
    if (name === 'node') t.equal(attempt?.resources, null, 'Node does not tell what a child has used');
    else t.ok((cpuMs ?? -1) >= 0 && (maxRssBytes ?? 0) > 100_000, `${cpuMs} ms, ${maxRssBytes} bytes`);
  });
}

t.test('the native host serves by itself where it was built', async (t) => {
  const it = await server(t, { EXECUTION_DATA_DIR: join(tempDir(t), 'data') });
  t.match(await it.get('/health'), { components: { runner_host: { name: isBuilt ? 'native' : 'node' } } });
});

t.test('a host that there is not is refused at the start', async (t) => {
  const ended = start(t, { EXECUTION_DATA_DIR: join(tempDir(t), 'data'), EXECUTION_RUNNER_HOST: 'fast' });
  await until('it has ended', () => ended.exit !== null);
  t.match(ended.exit, { code: 78 });
  t.match(ended.said.err, /EXECUTION_RUNNER_HOST: must be one of|EXECUTION_RUNNER_HOST/);
});

t.test(
  'a cancel of a daemon without environment and parents leaves nothing',
  { skip: !isBuilt },
  async (t) => {
    const it = await server(t, { EXECUTION_DATA_DIR: join(tempDir(t), 'data') });
    const token = `1000.${String(Math.random()).slice(2, 12)}`;
    const command = `(setsid env -i /bin/sh -c "sleep ${token} &" &); sleep 1000`;
    const { id } = await it.submit({ kind: 'shell', command });
    await until('the daemon is there', () => withArgument(token).length > 0);
    await it.post(`/v1/executions/${id}/cancel`);
    t.match(await it.finished(id), { status: 'cancelled', outcome: { process: { survivors: 0 } } });
    t.same(withArgument(token), []);
  },
);
