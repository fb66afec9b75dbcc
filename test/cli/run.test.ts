// `execd` as a process, against one server.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { sharedService, type SharedService } from '../helpers/build.ts';
import { CLI, type Cli, cliAt, runProgram } from '../helpers/cli.ts';
import { closedPort } from '../helpers/http-world.ts';
import { until } from '../helpers/processes.ts';

async function world(t: Test): Promise<{ s: SharedService; cli: Cli }> {
  const s = await sharedService(t);
  return { s, cli: cliAt(t, s.url) };
}

t.test(
  'a command differs from a local run in nothing: bytes, streams, exit code, arguments, input',
  async (t) => {
    const { cli } = await world(t);
    const cases: [string[], Buffer?][] = [
      [['sh', '-c', "printf 'a\\377\\000b'; echo err >&2; exit 200"]],
      [['sh', '-c', 'kill -9 $$']],
      [['printf', '[%s]', '', 'a b', '日本', '$HOME', '--help', '*']],
      [['od', '-An', '-c'], Buffer.from('x\xff\x00\n', 'latin1')],
      [['sha256sum'], Buffer.alloc(500_000, 1)],
      [['no-such-program']],
    ];
    await Promise.all(
      cases.map(async ([words, stdin]) => {
        const remote = await cli(['run', '-q', '--', ...words], stdin === undefined ? {} : { stdin });
        const [program = '', ...args] = words;
        const local = spawnSync(program, args, {
          ...(stdin === undefined ? {} : { input: stdin }),
          env: { PATH: process.env.PATH },
        });
        const code = local.status ?? (local.signal === 'SIGKILL' ? 137 : 127);
        t.equal(remote.code, code, words.join(' '));
        t.equal(remote.out, (local.stdout as Buffer | null)?.toString('latin1') ?? '');
        if (code !== 127) t.equal(remote.err, (local.stderr as Buffer).toString());
      }),
    );
  },
);

t.test(
  'a wrong command line, a wrong request and a server that is not there have codes of their own',
  async (t) => {
    const { cli } = await world(t);
    const away = `http://127.0.0.1:${await closedPort()}`;
    const [none, typo, wrong, gone, late] = await Promise.all([
      cli(['run']),
      cli(['rum']),
      cli(['run', '-w', '/nowhere\u0001', '--priority', '5000', '--', 'true']),
      cli(['--url', away, 'ps']),
      cli(['run', '-t', '10ms', '--', 'sleep', '60']),
    ]);
    t.match(none, { code: 64, err: /^execd: Give one thing to run/ });
    t.match(typo, { code: 64, err: /Did you mean .*run/ });
    t.match(wrong, { code: 125, err: /\/priority: / });
    t.match(gone, { code: 1, err: /Cannot reach execd at http:\/\/127\.0\.0\.1:\d+: [^]*execd serve/ });
    t.match(late, { code: 124, err: /^execd: .*\(0[0-9a-f-]{35}\)\n$/ });
  },
);

t.test('with -i input is passed on while it comes, with -T the command has the terminal', async (t) => {
  const { cli, s } = await world(t);
  const live = await cli(['run', '-iq', '-c', 'while read -r a; do echo "<$a>"; done'], {
    with: async (child, seen) => {
      child.stdin?.write('one\n');
      await until('the first line is answered', () => seen.out.includes('<one>'));
      child.stdin?.end('two\n');
    },
    isOpen: true,
  });
  t.match(live, { code: 0, out: '<one>\n<two>\n', err: '' });
  t.match(await cli(['run', '-T', '--', 'true']), { code: 64, err: /--tty needs a terminal/ });
  if (spawnSync('script', ['--version']).status !== 0) return;
  const command = `${process.execPath} ${CLI} run -T -c 'stty size; read -r a; echo "<$a>"; exit 5'`;
  const tty = await runProgram(['script', '-qec', `stty cols 90 rows 21; ${command}`, '/dev/null'], {
    env: { ...process.env, ...cli.env, EXECD_URL: s.url },
    with: async (child, seen) => {
      await until('it knows its size', () => seen.out.includes('21 90'));
      child.stdin?.write('typed\r');
      await until('it has answered', () => seen.out.includes('<typed>'));
      child.stdin?.end();
    },
    isOpen: true,
  });
  t.equal(tty.code, 5);
});

t.test('a signal cancels, and waits for the proof; a second one leaves it alone', async (t) => {
  const { s, cli } = await world(t);
  const once = cli(['run', '-c', 'trap "echo bye; exit 3" TERM; echo ready; sleep 60 & wait'], {
    with: async (child, seen) => {
      await until('it is ready', () => seen.out.includes('ready'));
      child.kill('SIGINT');
    },
  });
  const twice = cli(['run', '--grace', '60s', '-c', 'trap "" TERM; echo ready; sleep 60 & wait; wait'], {
    with: async (child, seen) => {
      await until('it is ready', () => seen.out.includes('ready'));
      child.kill('SIGTERM');
      await until('it is being cancelled', () => seen.err.includes('cancelling'));
      child.kill('SIGTERM');
    },
  });
  t.match(await once, { code: 130, out: 'ready\nbye\n', err: /SIGINT: cancelling / });
  const left = await twice;
  t.match(left, { code: 143, err: /(\S+) continues\. To follow it again: execd attach / });
  const id = /execd attach (\S+)/.exec(left.err)?.[1] ?? '';
  const { phase } = (await s.call<{ phase: string }>('GET', `/v1/executions/${id}`)).body;
  t.equal(phase, 'canceling');
  await s.call('POST', `/v1/executions/${id}/cancel`, { grace_ms: 0 });
});

t.test('a reader that goes away ends the command, as a closed pipe does', async (t) => {
  const { s, cli } = await world(t);
  const ended = await cli(['run', '--task', 'head', '-c', 'while echo y; do sleep 0.02; done'], {
    with: async (child, seen) => {
      await until('it writes', () => seen.out.length > 0);
      child.stdout?.destroy();
    },
  });
  t.equal(ended.code, 141);
  const { items } = (await s.call<{ items: { id: string }[] }>('GET', '/v1/executions?task_id=head')).body;
  t.match(await s.finished(items[0]?.id ?? ''), { status: 'cancelled' });
});

t.test(
  'in a terminal: no input is taken, notes have colours, Ctrl-C reaches it, the screen is left as it was',
  async (t) => {
    const { cli } = await world(t);
    const inTerminal = (args: string[], keys: string) =>
      runProgram(['python3', 'test/fixtures/terminal.py', keys, process.execPath, CLI, ...args], {
        env: { ...cli.env, TERM: 'xterm' },
      });
    const [run, ps] = await Promise.all([
      inTerminal(['run', '-c', 'test -t 1 || echo "no terminal"; sleep 60'], 'wait:no terminal|send:\x03'),
      inTerminal(['ps', '--watch'], 'wait:STATUS|resize:40|wait:STATUS|send:\x03'),
    ]);
    t.match(run, { code: 130, out: /no terminal\r\n[^]*\[33mexecd: SIGINT: cancelling/ });
    t.match(ps.out.replaceAll('\u001b', 'ESC'), /^ESC\[\?1049h[^]*ESC\[\?1049l$/);
    t.equal(ps.code, 0);
  },
);

t.test(
  'what was submitted is found again: by @last, by the beginning of its id, in lists, with its log',
  async (t) => {
    const { cli } = await world(t);
    const { out, code } = await cli([
      'run',
      '-d',
      '--task',
      'again',
      '-c',
      'echo out; echo oops >&2; exit 3',
    ]);
    t.equal(code, 0);
    const id = out.trim();
    t.equal((await cli(['wait', '@last'])).code, 3);
    const [show, json, logs, err, ps, none, found] = await Promise.all([
      cli(['show', id.slice(0, 18)]),
      cli(['show', '--json', '@last']),
      cli(['logs', id]),
      cli(['logs', '--stream', 'stderr', '--timestamps', '@last']),
      cli(['ps', '--task', 'again', '-a']),
      cli(['show', 'ffffffff-ff']),
      cli(['logs', '--search', 'OOP', '@last']),
    ]);
    t.match(show, {
      code: 0,
      out: /Status +failed \(3\)\nWhy +The command exited with code 3\.\nLast words +oops\n[^]*Next +execd logs/,
    });
    t.equal((JSON.parse(json.out) as { id: string }).id, id);
    t.match(logs, { out: 'out\n', err: 'oops\n' });
    t.match(found, { code: 0, out: 'oops\n', err: '' });
    t.match(err, { out: '', err: /^\d{4}-\S+Z oops\n$/ });
    t.match(ps.out, new RegExp(`^ID +STATUS [^]*\n${id.slice(0, 13)} +failed \\(3\\) .* echo out;`));
    t.match(none, { code: 1, err: /no execution whose id begins with ffffffff-ff/ });
    const live = (await cli(['run', '-d', '-c', 'sleep 1'])).out.trim();
    const unknown = '01900000-0000-7000-8000-000000000000';
    t.match(await cli(['wait', live, unknown]), {
      code: 1,
      out: `${live}  completed\n`,
      err: /^execd: [^\n]*\n$/,
    });
    t.equal((await cli(['rm', id])).code, 0);
    t.match(await cli(['logs', id]), { code: 1, err: /^execd: / });
  },
);

t.test('a step that tells its progress is shown with it', async (t) => {
  const { cli } = await world(t);
  const [file, enough] = [join(cli.home, 'plan.json'), join(cli.home, 'enough')];
  const command = `echo '{"percent": 41}' >&"$EXECUTION_PROGRESS_FD"; until [ -e ${enough} ]; do sleep 0.05; done`;
  const steps = [{ name: 'encode', kind: 'shell', progress: 'fd', command }];
  writeFileSync(file, JSON.stringify({ strategy: { type: 'serial' }, steps }));
  const id = (await cli(['plan', 'run', '--detach', file])).out.trim();
  await until('it is told', async () => / encode .* 41 %/.test((await cli(['show', id])).out));
  writeFileSync(enough, '');
  t.match(await cli(['wait', id]), { code: 0 });
});

t.test('a plan is run, drawn and checked from the terminal', async (t) => {
  const { cli } = await world(t);
  const file = join(cli.home, 'plan.yaml');
  writeFileSync(
    file,
    'strategy: {type: serial}\nparams: {word: x}\nsteps:\n- {name: good, kind: shell, command: "echo ${plan.params.word | quote}"}\n- {name: bad, kind: shell, command: "echo broken >&2; exit 2"}\n',
  );
  const [ran, graph, valid] = await Promise.all([
    cli(['plan', 'run', '-p', 'word=hello', file]),
    cli(['plan', 'graph', file]),
    cli(['plan', 'validate', file]),
  ]);
  t.match(ran, {
    code: 1,
    out: /\[good\] completed[^]*\[bad\] failed .*code 2/,
    err: /log of bad[^]*broken\n[^]*execd redrive /,
  });
  t.equal(graph.out, 'good\n  bad  <- good\n');
  t.match(valid, { code: 0, out: /is valid: 2 steps in 2 levels/ });
  t.equal((await cli(['logs', '@last'])).out, '[good] hello\n');
});
