// The commands beside `run`, within this process, against one server. `events`, `top` and `attach` are
// processes with a terminal: test/long/local.ts.
import { spawnSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { sharedService, type SharedService } from '../helpers/build.ts';
import { cliAt } from '../helpers/cli.ts';
import { runHere } from '../helpers/cli-here.ts';
import { closedPort, httpServer } from '../helpers/http-world.ts';
import { until } from '../helpers/processes.ts';

interface World {
  s: SharedService;
  env: NodeJS.ProcessEnv;
  /** Runs a command that must succeed; answers what it prints. */
  ok(...argv: string[]): Promise<string>;
  json<T>(...argv: string[]): Promise<T>;
}

async function world(t: Test): Promise<World> {
  const s = await sharedService(t);
  const { env } = cliAt(t, s.url);
  const ok = async (...argv: string[]) => {
    const ended = await runHere(argv, env);
    t.match(ended, { code: 0, err: '' }, argv.join(' '));
    return ended.out;
  };
  return { s, env, ok, json: async <T>(...argv: string[]) => JSON.parse(await ok(...argv, '--json')) as T };
}

t.test('stats and doctor say how the server is, and what to do about what is not well', async (t) => {
  const { env, ok, json } = await world(t);
  t.match(await ok('stats'), /^Executions +\d+: .*\nSlots +\d+ of \d+ in use/);
  t.match(await json('stats'), { concurrency: { max: Number } });
  t.match(await runHere(['doctor'], env), {
    out: /Server: .*\n.* Key: none; the server requires none\n.* Clock: agrees/,
  });
  const { findings } = JSON.parse((await runHere(['doctor', '--json'], env)).out) as {
    findings: { name: string }[];
  };
  t.ok(findings.some(({ name }) => name === 'Server, store'));
  const away = await runHere(['--url', `http://127.0.0.1:${await closedPort()}`, 'doctor'], env);
  t.match(away, { code: 1, out: /Server: Cannot reach .*\n {2}Start it with `execd serve`/ });
  t.match(await runHere(['top'], env), { code: 64, err: /top needs a terminal/ });
});

t.test('login keeps what works, for its owner alone; contexts are chosen and removed', async (t) => {
  const { s, env } = await world(t);
  // A context is not asked where the environment names a server.
  const { EXECD_URL: _url, ...own } = env;
  const run = (...argv: string[]) => runHere(argv, own);
  const away = `http://127.0.0.1:${await closedPort()}`;
  t.match(await run('login', away, '--no-key'), { code: 1, err: /Cannot reach/ });
  t.match(await run('context', 'ls'), {
    code: 0,
    out: 'There is no context. `execd login URL` makes one.\n',
  });
  t.match(await run('login', s.url, '--no-key', '--name', 'here'), {
    code: 0,
    out: /^here is the current context/,
  });
  t.equal(statSync(String(env.EXECD_CONFIG)).mode & 0o777, 0o600);
  t.match(await run('login', `${s.url}/`, '--api-key', 'ek_any', '--name', 'other'), { code: 0 });
  t.match(await run('context', 'use', 'here'), { code: 0 });
  t.match(await run('ps'), { code: 0 });
  const { out } = await run('context', 'ls', '--json');
  t.match(JSON.parse(out), [
    { name: 'here', current: true, has_key: false },
    { name: 'other', current: false, has_key: true },
  ]);
  t.notMatch(out, /ek_any/);
  t.match(await run('context', 'rm', 'other'), { code: 0 });
  t.match(await run('context', 'use', 'other'), { code: 64, err: /There is no context other/ });
});

t.test('what an administrator does: pauses, operations, cache, circuits, accounts, webhooks', async (t) => {
  const { s, env, ok, json } = await world(t);
  t.equal(await ok('pause', 'key:one', '-m', 'it is full'), 'key:one: paused\n');
  t.match(await json('pauses'), [{ what: 'key:one', reason: 'it is full' }]);
  t.match(await ok('pauses'), /key:one .*it is full/);
  t.equal(await ok('resume', 'key:one'), 'key:one: resumed\n');
  t.match(await runHere(['pause', 'nonsense'], env), { code: 1, err: /nonsense/ });
  t.match(await json('runners'), [{ name: 'only', self: true, slots: { process: { running: 0 } } }]);
  t.match(await ok('runners'), /^NAME .*\nonly +all +default +0\/\d+ +0\/\d+ +- /);
  t.match(await ok('runners', 'pools'), /^POOL .*\ndefault +0 +\d+ +0 +\d+ +only\n$/);
  t.equal(await ok('runners', 'drain', 'only', '-m', 'an upgrade'), 'only: drained\n');
  t.match(await json('runners'), [{ drain: { by: 'local', reason: 'an upgrade' } }]);
  t.match(await (await fetch(`${s.url}/metrics`)).text(), /^execd_drained 1$/m);
  t.equal((await s.call('GET', '/readyz')).status, 200, 'it serves');
  t.match(await runHere(['runners', 'drain', 'other'], env), { code: 1, err: /no server "other"/ });
  t.equal(await ok('runners', 'resume', 'only'), 'only: resumed\n');
  t.match(await json('operations'), []);
  const { id } = await s.submit({ kind: 'exec', program: 'true', cache: { ttl_s: 60 } });
  await s.finished(id);
  t.match(await json('cache', 'stats'), { entries: 1 });
  t.match(await ok('cache', 'ls'), new RegExp(id));
  t.match(await runHere(['cache', 'rm'], env), { code: 64 });
  t.match(await ok('cache', 'rm', '--all'), /"removed":1/);
  t.match(await json('circuits', 'ls'), []);
  t.match(await runHere(['accounts', 'show', 'local'], env), {
    code: 1,
    err: /EXECUTION_CREDITS_FILE|credits/,
  });
  const made = await ok('webhooks', 'create', 'https://example.com/hook', '--events', 'failed');
  const { id: hook, secret } = JSON.parse(made) as { id: string; secret: string };
  t.match(secret, /^whsec_/);
  t.match(await ok('webhooks', 'ls'), new RegExp(`${hook} +yes +failed +https://example.com/hook`));
  t.equal(await ok('webhooks', 'rm', hook), `${hook}\n`);
});

t.test('schedules are put, listed, run, paused and removed', async (t) => {
  const { s, ok, json } = await world(t);
  t.match(await ok('schedule', 'put', 'poll', '--every', '1h', '-c', 'echo poll'), /^poll: next 2/);
  t.match(await json('schedule', 'ls'), [{ name: 'poll', every_ms: 3_600_000, state: 'active' }]);
  await ok('schedule', 'run', 'poll');
  const [run] = await json<{ id: string; by_hand: boolean }[]>('schedule', 'runs', 'poll');
  t.equal(run?.by_hand, true);
  await s.finished(String(run?.id));
  await ok('schedule', 'pause', 'poll');
  t.match(await ok('schedule', 'ls'), /poll .*paused/);
  await ok('schedule', 'resume', 'poll');
  await ok('schedule', 'rm', 'poll');
  t.match(await json('schedule', 'ls'), []);
});

t.test('approvals are listed and decided, signals sent, plans redriven', async (t) => {
  const { env, ok, json } = await world(t);
  const file = join(String(env.HOME), 'plan.json');
  const steps = [
    { name: 'go', kind: 'wait', approval: { message: 'Ship it?' } },
    { name: 'more', kind: 'wait', signal: { name: 'more' } },
    { name: 'check', kind: 'shell', command: 'echo looking >&2; false' },
  ];
  writeFileSync(file, JSON.stringify({ strategy: { type: 'serial' }, steps }));
  const plan = (await ok('plan', 'run', '--detach', file)).trim();
  await until('it waits', async () => (await json<unknown[]>('approvals')).length === 1);
  t.match(await ok('approvals'), /go .*Ship it\?/);
  t.match(await runHere(['approve', plan, 'nothing'], env), { code: 1 });
  await ok('approve', plan, 'go', '-m', 'fine');
  t.match(await runHere(['reject', plan, 'go'], env), { code: 1 });
  await ok('plan', 'signal', plan, 'more', '--payload', '{"by": 1}');
  t.match(await runHere(['wait', plan], env), { code: 1 });
  t.match(await ok('logs', plan, '--regex', '^lo+king$', '--stream', 'stderr'), '[check] looking\n');
  t.equal(await ok('logs', plan, '--search', 'looking', '--step', 'go'), '');
  t.match(await runHere(['logs', plan, '--tail', '3'], env), { code: 64, err: /--step chooses a step/ });
  const again = (await ok('redrive', '--detach', plan)).trim();
  await runHere(['wait', again], env);
  t.match(await json('show', again), { status: 'failed' });
});

t.test('a log is copied as bytes, and read on where that breaks off', async (t) => {
  const { s, env, ok } = await world(t);
  const command = "seq 1 30000; printf 'caf\\351'";
  const { id } = await s.submit({ kind: 'shell', command });
  await s.finished(id);
  const whole = spawnSync('sh', ['-c', command]).stdout.toString('latin1');
  t.equal(await ok('logs', id), whole);
  let cuts = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const answered = await fetch(`${s.url}${request.url}`);
    const bytes = Buffer.from(await answered.arrayBuffer());
    const isCut = request.url?.endsWith('/logs?stream=stdout&format=raw') === true;
    if (!isCut) {
      response.writeHead(answered.status, { 'content-type': 'application/json' }).end(bytes);
      return;
    }
    cuts += 1;
    response.writeHead(200);
    response.write(bytes.subarray(0, 70_001), () => response.destroy());
  };
  const proxy = await httpServer(t, (request, response) => void answer(request, response));
  const cut = await runHere(['logs', id], { ...env, EXECD_URL: proxy });
  t.match(cut, { code: 0, err: '' });
  t.equal(cut.out, whole);
  t.equal(cuts, 1);
  const found = await ok('logs', id, '--search', '2999', '--stream', 'stdout');
  t.equal(
    found,
    `${whole
      .split('\n')
      .filter((line) => line.includes('2999'))
      .join('\n')}\n`,
  );
});
