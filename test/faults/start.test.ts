// The list of faults: what is started, and how. Each test is named as its case.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fault, type Victim } from '../helpers/fault-case.ts';
import { until } from '../helpers/processes.ts';
import type { Lifetime } from '../helpers/scope.ts';
import { tempDir } from '../helpers/temp.ts';

const isRoot = process.getuid?.() === 0;
const exec = (program: string, args: string[] = [], more: object = {}) => ({
  kind: 'exec',
  program,
  args,
  ...more,
});

fault('command not found', async (t, it) => {
  const missing = await it.run(exec('definitely-not-here'));
  t.match(missing, {
    status: 'failed',
    outcome: { cause: 'spawn_failed', reason: 'program_not_found' },
    error: { message: /definitely-not-here/, fault: 'user' },
    attempts: [{ started_at: null }],
    output: { stdout_bytes: 0 },
  });
  const ended = await it.run('exit 127');
  t.match(
    ended,
    { outcome: { cause: 'exited', exit_code: 127 } },
    'an exit code is none of a missing program',
  );
});

fault('cwd missing', async (t, it) => {
  t.match(await it.run(exec('true', [], { cwd: '/no/such/dir' })), {
    status: 'failed',
    outcome: { cause: 'spawn_failed', reason: 'cwd_not_found' },
    error: { message: /\/no\/such\/dir/ },
  });
});

fault('cwd is a file / not searchable', async (t, it) => {
  t.match(await it.run(exec('true', [], { cwd: '/etc/passwd' })), {
    outcome: { cause: 'spawn_failed', reason: 'cwd_not_directory' },
  });
  const closed = tempDir(t);
  chmodSync(closed, 0o000);
  const { outcome, status } = await it.run(exec('true', [], { cwd: closed }));
  // Root may enter everything.
  if (isRoot) t.equal(status, 'completed');
  else t.match(outcome, { reason: 'cwd_not_accessible' });
});

fault('not executable (0644), directory as command', async (t, it) => {
  const plain = join(tempDir(t), 'plain');
  writeFileSync(plain, '#!/bin/sh\ntrue\n', { mode: 0o644 });
  for (const program of [plain, '/tmp'])
    t.match(await it.run(exec(program)), {
      outcome: { cause: 'spawn_failed', reason: 'program_not_executable' },
      error: { message: new RegExp(program) },
    });
});

const roomsOf = (it: Victim) => {
  const rooms = dirname(it.env.EXECUTION_POLICY_FILE ?? '');
  return { rooms, shebangless: join(rooms, 'shebangless') };
};

function ruled(t: Lifetime): Record<string, string> {
  const rooms = tempDir(t);
  mkdirSync(join(rooms, 'in'));
  const shebangless = join(rooms, 'shebangless');
  writeFileSync(shebangless, 'echo "$0"\n', { mode: 0o755 });
  const templates = {
    here: { program: '/bin/pwd', cwd: [join(rooms, 'in')] },
    bare: { program: shebangless },
    build: { program: '/usr/bin/printenv', env: ['CC', 'CFLAGS'] },
    env: { program: '/usr/bin/env', args: [{ enum: ['true', 'date'] }] },
    timeout: { program: '/usr/bin/timeout', args: [{ integer: { min: 1, max: 9 } }, { enum: ['true'] }] },
    nice: { program: '/usr/bin/nice', args: [{ enum: ['true'] }] },
    xargs: { program: '/usr/bin/xargs', args: [{ enum: ['echo'] }], stdin: false },
    find: { program: '/usr/bin/find', args: [{ path: ['/srv'] }, { pattern: '[a-z]*', optional: true }] },
    git: { program: '/usr/bin/git', args: [{ enum: ['status', 'log'] }] },
    tar: { program: '/bin/tar', args: ['-cf', { path: ['/srv'] }, { path: ['/srv'], repeat: 9 }] },
  };
  const mayRun = Object.keys(templates).map((template) => ({ template }));
  const file = join(rooms, 'policy.json');
  const users = { local: { may_run: [...mayRun, { program: '/bin/true' }] } };
  writeFileSync(file, JSON.stringify({ templates, users }), { mode: 0o600 });
  return { EXECUTION_POLICY_FILE: file };
}
const denied = { status: 403, body: { type: 'urn:execd:error:command_not_allowed' } };

fault(
  'cwd outside the tenant jail, ../, absolute, symlink to outside',
  async (t, it) => {
    const { rooms } = roomsOf(it);
    for (const cwd of ['/', '/etc', rooms, join(rooms, 'in/../..'), `${rooms}/in/..`, `${rooms}/inside`]) {
      t.match(await it.refused(exec('/bin/pwd', [], { cwd })), denied, cwd);
    }
    t.match(await it.refused(exec('/bin/pwd', [], { cwd: '../../etc' })), { status: 400 });
    t.match(await it.run(exec('/bin/pwd', [], { cwd: join(rooms, 'in') })), { status: 'completed' });
  },
  { env: ruled, isShared: true },
);

fault(
  'script without shebang',
  async (t, it) => {
    const { shebangless } = roomsOf(it);
    // It is run by /bin/sh, as execvp(3) has it, because the policy allows this very program; and by nothing else.
    t.match(await it.run(exec(shebangless)), { result: { stdout: `${shebangless}\n` } });
    t.match(await it.refused(exec('/bin/sh', [shebangless])), denied);
  },
  { env: ruled, isShared: true },
);

fault(
  'dangerous env keys: LD_PRELOAD, LD_*, NODE_OPTIONS, BASH_ENV, ENV, PATH, IFS, SHELLOPTS, PS4, PYTHON*, PERL5*, GIT_*, HOME, ZDOTDIR, http_proxy',
  async (t, it) => {
    const names =
      'LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT NODE_OPTIONS BASH_ENV ENV PATH IFS SHELLOPTS PS4 PYTHONPATH PYTHONSTARTUP PERL5LIB PERL5OPT GIT_SSH_COMMAND HOME ZDOTDIR http_proxy cc CC=';
    for (const name of names.split(' ')) {
      const { status } = await it.refused(exec('/usr/bin/printenv', [], { env: { CC: 'cc', [name]: 'x' } }));
      t.ok(status === 403 || status === 400, `${name}: ${status}`);
    }
    const done = await it.run(exec('/usr/bin/printenv', [], { env: { CC: 'gcc' } }));
    t.match(done, { result: { stdout: /^CC=gcc$/m } });
  },
  { env: ruled, isShared: true },
);

fault(
  'wrapper smuggling: env bash, env -S, timeout bash, nice, xargs, find -exec, git -c core.pager, tar --checkpoint-action',
  async (t, it) => {
    const tries: [string, string[]][] = [
      ['/usr/bin/env', ['bash', '-c', 'id']],
      ['/usr/bin/env', ['-S', 'bash -c id']],
      ['/usr/bin/env', ['LD_PRELOAD=/x', 'true']],
      ['/usr/bin/timeout', ['5', 'bash']],
      ['/usr/bin/timeout', ['--', 'bash']],
      ['/usr/bin/nice', ['bash']],
      ['/usr/bin/xargs', ['bash']],
      ['/usr/bin/find', ['/srv', '-exec', 'id', ';']],
      ['/usr/bin/find', ['/srv', '-delete']],
      ['/usr/bin/git', ['-c', 'core.pager=id', 'log']],
      ['/bin/tar', ['-cf', '/srv/a', '--checkpoint=1', '--checkpoint-action=exec=id']],
      ['/bin/bash', ['-c', 'true']],
      ['bash', []],
      // Another name of an allowed program is another program.
      ['env', ['true']],
      ['/usr/bin/../bin/env', ['true']],
    ];
    for (const [program, args] of tries)
      t.match(await it.refused(exec(program, args)), denied, [program, ...args].join(' '));
    t.match(await it.refused({ kind: 'shell', command: 'true' }), denied);
    t.match(await it.refused({ kind: 'script', source: '#!/usr/bin/env true' }), denied);
    t.match(await it.run(exec('/usr/bin/env', ['true'])), { status: 'completed' });
    const warning = /"level":40.*The policy file allows users to run anything: [^"]*/;
    t.notMatch(it.server.output(), warning, 'each argument is ruled');
    const templates = {
      any: { program: '/usr/bin/env', args: 'any' },
      ruled: { program: '/usr/bin/nice', args: ['true'] },
      plain: { program: '/bin/echo', args: 'any' },
    };
    const users = { local: { may_run: [{ program: '/bin/true' }, { program: '/usr/bin/python3.11' }] } };
    writeFileSync(it.env.EXECUTION_POLICY_FILE ?? '', JSON.stringify({ templates, users }));
    t.equal((await it.post('/v1/admin/reload')).status, 200);
    await until('it warns', () => warning.test(it.server.output()));
    const [told = ''] = warning.exec(it.server.output()) ?? [];
    t.match(
      told,
      /run other programs: templates\.any \(\/usr\/bin\/env\), users\.local\.may_run\[1\] \(\/usr\/bin\/python3\.11\)$/,
    );
  },
  { env: ruled, isShared: true },
);

fault('one argument of 131072 bytes; argv total 3 MB', async (t, it) => {
  const most = await it.run(exec('printf', ['%s', 'x'.repeat(131_071)]));
  t.match(most, { status: 'completed', output: { stdout_bytes: 131_071 } });
  t.match(await it.refused(exec('printf', ['x'.repeat(131_072)])), {
    status: 400,
    body: { errors: [{ field: '/args/0', message: /too long/ }] },
  });
  const three = exec('true', Array<string>(30).fill('x'.repeat(100_000)));
  t.match(await it.refused(three), { status: 413 });
  // A batch may be larger.
  t.match(await it.refused({ executions: [three] }, '/v1/executions/batch'), {
    status: 200,
    body: { items: [{ status: 400, problem: { errors: [{ message: /argument list too long/ }] } }] },
  });
});

fault('NUL in command, arg, env key, env value, cwd', async (t, it) => {
  const bad = 'a\0b';
  const bodies = [
    exec(bad),
    exec('true', [bad]),
    exec('true', [], { env: { [bad]: '1' } }),
    exec('true', [], { env: { A: bad } }),
    exec('true', [], { cwd: `/tmp/${bad}` }),
    { kind: 'shell', command: bad },
    { kind: 'script', source: '#!/bin/sh\n', args: [bad] },
  ];
  for (const body of bodies) t.match(await it.refused(body), { status: 400 }, JSON.stringify(body));
  t.match(
    await it.run(exec('cat', [], { stdin: bad })),
    { output: { stdout_bytes: 3 } },
    'input may hold it',
  );
});

fault('__proto__/constructor keys in params/env, inherited props', async (t, it) => {
  for (const key of ['__proto__', 'constructor']) {
    const raw = async (inner: string) =>
      fetch(`${it.url}/v1/executions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: `{"kind":"exec","program":"true",${inner}}`,
      });
    for (const inner of [`"${key}":{"prototype":{"cwd":"/"}}`, `"labels":{"${key}":{"A":"1"}}`])
      t.equal((await raw(inner)).status, 400, inner);
  }
  t.match(await it.refused({ kind: 'operation', name: 'constructor', params: {} }), { status: 400 });
  const done = await it.run(exec('env'));
  const names = (done.result as { stdout: string }).stdout.match(/^[^=]+/gm) ?? [];
  t.same(
    names.filter((name) => /proto|constructor|toString/i.test(name)),
    [],
  );
});

fault('lone surrogates, RTL/zero-width, 4-byte emoji, NFC/NFD twins in args, ids, tags', async (t, it) => {
  t.match(await it.refused(exec('true', ['\ud800'])), { status: 400 });
  t.match(await it.refused(exec('true', [], { env: { A: 'x\udc00' } })), { status: 400 });
  const args = ['\u202eabc\u200b', '👩‍🚀', 'é'.normalize('NFC'), 'é'.normalize('NFD'), '\ufeff', '\r\n\t'];
  const done = await it.run(exec('printf', ['%s|', ...args]));
  t.same(await it.log(done.id), Buffer.from(args.map((arg) => `${arg}|`).join('')), 'byte for byte');
  const labels = { a: 'é'.normalize('NFD') };
  t.same((await it.run(exec('true', [], { labels }))).labels, labels);
  for (const name of ['é', 'a\u200b', '👩', '\u202ea'])
    t.match(await it.refused(exec('true', [], { labels: { [name]: '1' } })), { status: 400 }, name);
  for (const id of ['\u202e', 'é'.normalize('NFC'), '%00', '..%2f'])
    t.equal((await fetch(`${it.url}/v1/executions/${encodeURIComponent(id)}`)).status, 404, id);
});

fault(
  'EMFILE at spawn',
  async (t, it) => {
    const pid = await it.hostPid();
    const limit = (soft: string) => spawnSync('prlimit', [`--pid=${pid}`, `--nofile=${soft}:`]).status;
    const before = /Max open files\s+(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1] ?? '';
    t.equal(limit('4'), 0);
    const [one, two] = await Promise.all([it.run('echo one'), it.run('echo two')]);
    for (const { status, outcome, error } of [one, two]) {
      t.match({ status, outcome }, { status: 'failed', outcome: { cause: /spawn_failed|internal/ } });
      t.match(error, { fault: 'system', retryable: true });
    }
    t.equal((await fetch(`${it.url}/readyz`)).status, 200);
    limit(before);
    t.match(await it.run('echo again'), { status: 'completed' }, 'with descriptors it goes on');
    t.equal(await it.hostPid(), pid, 'in the same host');
  },
  { skip: spawnSync('prlimit', ['--version']).status !== 0 && 'there is no prlimit' },
);
