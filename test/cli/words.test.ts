// What the command line understands and shows, without a server.
import { spawnSync } from 'node:child_process';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import t from 'tap';
import { bash, fish, wordsOf } from '../../src/cli/commands/completion.ts';
import { tempDir } from '../helpers/temp.ts';
import type { Execution, PlanRequest } from '../../src/client/index.ts';
import { build } from '../../src/cli/program.ts';
import { exitOf, exitOfSignal } from '../../src/cli/exits.ts';
import { asMermaid, asText, stepsOfFile } from '../../src/cli/plan-graph.ts';
import { specOf } from '../../src/cli/run-spec.ts';
import { commandOf, Session } from '../../src/cli/session.ts';
import { checkedUrl, Settings } from '../../src/cli/settings.ts';
import { table } from '../../src/cli/table.ts';
import { Sink } from '../../src/cli/terminal.ts';
import {
  durationMs,
  pairs,
  plain,
  shownBytes,
  shownDuration,
  sizeBytes,
  timeOf,
} from '../../src/cli/units.ts';

t.test('durations, sizes and times are read as people write them', async (t) => {
  const durations = {
    '90': 90_000,
    '1.5': 1500,
    '90s': 90_000,
    '5m': 300_000,
    '1h30m': 5_400_000,
    '500ms': 500,
    '1d': 86_400_000,
    '0': 0,
  };
  for (const [text, ms] of Object.entries(durations)) t.equal(durationMs(text), ms, text);
  for (const text of ['', '5x', 'm', '-1s', '1m1h', '1s1'])
    t.throws(() => durationMs(text), { code: 64 }, text);
  const sizes = { '100': 100, '64k': 65_536, '512M': 536_870_912, '2GiB': 2_147_483_648, '1.5k': 1536 };
  for (const [text, bytes] of Object.entries(sizes)) t.equal(sizeBytes(text), bytes, text);
  for (const text of ['', '5x', '-1']) t.throws(() => sizeBytes(text), { code: 64 }, text);
  const now = Date.parse('2026-01-02T00:00:00Z');
  t.equal(timeOf('1h', now), '2026-01-01T23:00:00.000Z');
  t.equal(timeOf('2026-01-01T01:00:00+01:00', now), '2026-01-01T00:00:00.000Z');
  t.throws(() => timeOf('yesterday', now), { code: 64 });
  t.throws(() => timeOf('2026-99-01', now), { code: 64 });
  t.same(pairs(['a=b=c', 'd='], '--env'), { a: 'b=c', d: '' });
  for (const one of ['a', '=b']) t.throws(() => pairs([one], '--env'), { message: /--env.*NAME=VALUE/ });
});

t.test('durations and sizes are shown in few characters', async (t) => {
  const shown = [0, 999, 1000, 9999, 12_345, 60_000, 3_600_000, 90_061_000].map(shownDuration);
  t.same(shown, ['0ms', '999ms', '1.0s', '10.0s', '12s', '1m00s', '1h00m', '1d1h']);
  t.same([0, 1023, 1024, 10_485_760].map(shownBytes), ['0 B', '1023 B', '1.0 KiB', '10 MiB']);
});

t.test('text of others moves no cursor and hides nothing', async (t) => {
  t.equal(plain('a\x1b[2Jb\nc\td\u202ee\u0000'), 'a\\u001b[2Jb↵c d\\u202ee\\u0000');
});

t.test('each end has its exit code', async (t) => {
  const ends: [object, number][] = [
    [{ cause: 'exited', exit_code: 42 }, 42],
    [{ cause: 'signalled', signal: 'SIGKILL' }, 137],
    [{ cause: 'signalled', signal: 'SIGRTMIN+1' }, 129],
    [{ cause: 'attempt_timeout' }, 124],
    [{ cause: 'idle_timeout' }, 124],
    [{ cause: 'spawn_failed', reason: 'program_not_found' }, 127],
    [{ cause: 'spawn_failed', reason: 'cwd_not_found' }, 126],
    [{ cause: 'resource_limit' }, 120],
    [{ cause: 'output_limit' }, 120],
    [{ cause: 'lost' }, 121],
    [{ cause: 'cancelled' }, 122],
    [{ cause: 'denied' }, 125],
    [{ cause: 'http_response' }, 1],
  ];
  for (const [outcome, code] of ends)
    t.equal(exitOf({ status: 'failed', outcome } as unknown as Execution), code, JSON.stringify(outcome));
  t.equal(exitOf({ status: 'completed', outcome: { cause: 'http_response' } } as unknown as Execution), 0);
  t.equal(exitOfSignal('SIGTERM'), 143);
});

t.test('flags become a request; what does not fit together is refused', async (t) => {
  const env = { HERE: 'x' };
  t.same(specOf(['make', '-j2'], {}, env), {
    output: { oversized: 'spool' },
    kind: 'exec',
    program: 'make',
    args: ['-j2'],
  });
  const flags = {
    command: 'ls',
    timeout: '5m',
    memory: '1k',
    label: ['a=b'],
    env: ['HERE', 'GONE', 'C=d'],
    retry: '3',
    cache: '1h',
    stopSignal: 'int',
  };
  t.match(specOf([], flags, env), {
    ...{
      kind: 'shell',
      command: 'ls',
      timeouts: { attempt_ms: 300_000 },
      limits: { memory_bytes: 1024 },
      labels: { a: 'b' },
    },
    ...{
      env: { HERE: 'x', C: 'd' },
      retry: { attempts: 3 },
      cache: { ttl_s: 3600 },
      stop: { signal: 'SIGINT' },
    },
  });
  const operation = specOf(
    [],
    { operation: 'deploy', param: ['n=3', 'big=12345678901234567890', 'on=true', 's=3x', 'l=[1]'] },
    env,
  );
  t.same(operation, {
    output: undefined,
    kind: 'operation',
    name: 'deploy',
    params: { n: 3, big: '12345678901234567890', on: true, s: '3x', l: [1] },
  });
  for (const [words, more] of [
    [[], {}],
    [['a'], { command: 'b' }],
    [[], { command: 'a', operation: 'b' }],
  ] as [string[], object][])
    t.throws(() => specOf(words, more, env), { code: 64 });
  t.throws(() => specOf([], { spec: '/nowhere' }, env), { code: 64, message: /ENOENT/ });
});

t.test('a command is shown as one would type it', async (t) => {
  const shown = (kind: string, spec: object) =>
    commandOf({ kind, spec, operation: 'op' } as unknown as Execution);
  t.equal(
    shown('exec', { program: 'echo', args: ['a b', "it's", '', 'x=1'] }),
    "echo 'a b' 'it'\\''s' '' x=1",
  );
  t.equal(shown('http', { url: 'http://h/' }), 'GET http://h/');
  t.equal(shown('script', { source: '#!/bin/sh\n\necho hi' }), 'echo hi');
  t.equal(shown('operation', {}), 'op');
});

t.test('a plan is drawn in the order of its steps', async (t) => {
  const steps = [
    { name: 'a' },
    { name: 'b', depends_on: ['a'] },
    { name: 'c"<', depends_on: ['a', 'b'] },
    {},
  ];
  const plan = (strategy: object) => ({ strategy, steps }) as unknown as PlanRequest;
  const graph = stepsOfFile(plan({ type: 'dependency_graph', dependencies: { 3: [0] } }));
  t.equal(asText(graph), 'a\n  b  <- a\n  step_3  <- a\n    c"<  <- a, b');
  t.equal(
    asMermaid(graph),
    'graph TD\n  s0["a"]\n  s1["b"]\n  s2["c#quot;#lt;"]\n  s3["step_3"]\n  s0 --> s1\n  s0 --> s2\n  s1 --> s2\n  s0 --> s3',
  );
  t.same(
    stepsOfFile(plan({ type: 'serial' })).map(({ before }) => before),
    [[], ['a'], ['b'], ['c"<']],
  );
  t.ok(stepsOfFile(plan({ type: 'parallel' })).every(({ before }) => before.length === 0));
  t.doesNotThrow(() =>
    asText([
      { name: 'a', before: ['b'] },
      { name: 'b', before: ['a'] },
    ]),
  );
});

t.test('columns are as wide as what is in them, in any script', async (t) => {
  const sink = new Sink(1, { NO_COLOR: '1' });
  const columns = [
    { name: 'NAME', value: ([name]: [string, string]) => name },
    { name: 'N', value: ([, n]: [string, string]) => n, isRight: true },
  ];
  t.equal(
    table(sink, columns, [
      ['日本', '1'],
      ['x', '22'],
    ]),
    'NAME   N\n日本   1\nx     22',
  );
});

t.test('a URL may lack its scheme, and must have no user, query or fragment', async (t) => {
  t.equal(checkedUrl('localhost:8080/'), 'http://localhost:8080');
  t.equal(checkedUrl('https://h/base/'), 'https://h/base');
  for (const url of ['http://a:b@h', 'http://h?x', 'http://', 'h h'])
    t.throws(() => checkedUrl(url), { code: 64 }, url);
});

t.test(
  'flags go before the environment, and that before the current context; a key stays with its URL',
  async (t) => {
    const dir = tempDir(t);
    const file = join(dir, 'deep', 'config.json');
    const at = (env: object) => new Settings({ EXECD_CONFIG: file, XDG_STATE_HOME: dir, ...env });
    t.same(at({}).placeOf({}), { context: null, url: 'http://127.0.0.1:8080' });
    const contexts = { a: { url: 'http://a', api_key: 'ka' }, b: { url: 'http://b' } };
    at({}).write({ current: 'a', contexts });
    t.equal(statSync(file).mode & 0o777, 0o600);
    t.same(at({}).placeOf({}), { context: 'a', url: 'http://a', api_key: 'ka' });
    t.same(
      at({ EXECD_URL: 'http://c' }).placeOf({}),
      { context: null, url: 'http://c' },
      'no key of another server',
    );
    t.match(at({ EXECD_URL: 'http://a/' }).placeOf({}), { url: 'http://a', api_key: 'ka' });
    t.match(at({ EXECD_URL: 'http://c' }).placeOf({ context: 'b' }), { context: 'b', url: 'http://b' });
    t.match(at({ EXECD_API_KEY: 'k' }).placeOf({ url: 'http://d' }), { url: 'http://d', api_key: 'k' });
    t.throws(() => at({}).placeOf({ context: 'z' }), { code: 64 });
    at({}).keepLastId('http://a', 'x');
    t.equal(at({}).lastId('http://a'), 'x');
    t.equal(at({}).lastId('http://b'), null);
    writeFileSync(file, '{');
    t.throws(() => at({}).placeOf({}), { message: /is not JSON/ });
  },
);

t.test('every command has a summary, --json, and completes in each shell', async (t) => {
  const program = build(new Session({}), () => undefined);
  const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
  for (const command of all(program).slice(1)) {
    t.not(command.summary(), '', command.name());
    if (command.commands.length === 0)
      t.ok(
        command.options.some(({ long }) => long === '--json'),
        command.name(),
      );
  }
  const words = wordsOf(program);
  const dir = tempDir(t);
  const shown = (line: string) => {
    const script = join(dir, 'completion.bash');
    writeFileSync(script, bash(words));
    const parts = line.split(' ');
    const quoted = parts.map((part) => `'${part}'`).join(' ');
    const run = `. ${script}; COMP_WORDS=(execd ${quoted}); COMP_CWORD=${parts.length}; _execd; echo "\${COMPREPLY[*]}"`;
    return spawnSync('bash', ['-c', run], { encoding: 'utf8' }).stdout.trim();
  };
  t.equal(shown('pla'), 'plan');
  t.equal(shown('plan gr'), 'graph');
  t.equal(shown('run --idle'), '--idle-timeout');
  t.match(
    fish(words),
    /complete -c execd -f -n '__fish_seen_subcommand_from plan' -a graph -d 'draw the steps of a plan'/,
  );
});
