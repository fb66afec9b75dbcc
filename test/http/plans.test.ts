import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';
import type { PlanWire } from '../../src/http/plans/plan-schemas.ts';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { type Answer, service, type Service } from '../helpers/build.ts';
import { until } from '../helpers/processes.ts';
import { tempDir } from '../helpers/temp.ts';

type Step = NonNullable<PlanWire['steps']>[number];
interface Problem {
  type: string;
  detail: string;
  errors?: { field: string; message: string }[];
}

const sh = (name: string, command: string, more: object = {}) => ({
  name,
  kind: 'shell',
  shell: 'sh',
  command,
  ...more,
});

async function run(world: Service, plan: object): Promise<PlanWire> {
  const { status, body, text } = await world.call<PlanWire>('POST', '/v1/plans', plan);
  if (status >= 300) throw new Error(text);
  return ended(world, body.id);
}

async function ended(world: Service, id: string): Promise<PlanWire> {
  for (;;) {
    const { body } = await world.call<PlanWire>('GET', `/v1/plans/${id}?wait=30`);
    if (body.phase === 'done') return body;
  }
}

/** Logs of commands that this process has open. */
function openLogs(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.includes('/logs/') ? [path] : [];
    } catch {
      return [];
    }
  });
}

const step = (plan: PlanWire, name: string): Step => plan.steps?.find((one) => one.name === name) as Step;
const example = (name: string) =>
  JSON.parse(readFileSync(`examples/plans/${name}.json`, 'utf8')) as { params: Record<string, string> };

async function refused(world: Service, plan: object): Promise<Record<string, string>> {
  const { status, body } = await world.call<Problem>('POST', '/v1/plans', plan);
  if (status !== 400) throw new Error(`${status}: ${JSON.stringify(body)}`);
  return Object.fromEntries((body.errors ?? []).map(({ field, message }) => [field, message]));
}

t.test('plans', async (t) => {
  const world = await service(t);

  t.test('a real project is fetched, configured, compiled in parallel, tested and archived', async (t) => {
    const dir = join(tempDir(t), 'zod');
    const plan = example('build');
    const params = {
      dir,
      package: resolve('node_modules/zod'),
      tsc: resolve('node_modules/@typescript/native/bin/tsc'),
    };
    const done = await run(world, { ...plan, params });
    t.equal(done.status, 'completed', JSON.stringify(done.steps));
    const { archive, parts } = done.result as { archive: string; parts: { part: string; files: number }[] };
    t.match(archive, /zod-\d+\.\d+\.\d+\.tar\.gz$/);
    t.same(
      parts.map(({ part }) => part),
      ['v4/core', 'v4/classic', 'v4/locales'],
    );
    t.ok(parts.every(({ files }) => files > 0));
    t.ok(readFileSync(archive).length > 10_000);
    t.equal(done.critical_path?.steps.at(-1), 'archive');
  });

  t.test('a list is fanned out, and what comes of it is brought together', async (t) => {
    const done = await run(world, { ...example('fan-out'), params: { dir: resolve('docs/reference') } });
    t.equal(done.status, 'completed', JSON.stringify(done.steps));
    const { report } = done.result as { report: { files: number; words: number; longest: { file: string } } };
    t.ok(report.files > 5 && report.words > 1000);
    t.match(report.longest.file, /docs\/.*\.md$/);
  });

  t.test('a deploy that does not work goes back to the release before', async (t) => {
    const root = join(tempDir(t), 'shop');
    const plan = example('deploy');
    const deploy = (params: object) => run(world, { ...plan, params: { ...plan.params, root, ...params } });
    const outcome = ({ steps }: PlanWire) =>
      Object.fromEntries((steps ?? []).map(({ name, status, skip_reason }) => [name, skip_reason ?? status]));
    const first = await deploy({ version: '1.0.0' });
    t.equal(first.status, 'completed', JSON.stringify(first.steps));
    t.match(outcome(first), { check: 'completed', 'go-back': 'nothing_failed', report: 'completed' });
    const second = await deploy({ version: '2.0.0', content: 'broken' });
    t.match(second, { status: 'failed', error: { type: 'step_failed', message: /check/ } });
    t.match(outcome(second), {
      switch: 'completed',
      check: 'failed',
      'go-back': 'completed',
      report: 'completed',
    });
    t.equal(readlinkSync(join(root, 'current')), `${root}/releases/1.0.0`);
    const closed = await deploy({ version: '3.0.0', window: 'closed' });
    t.equal(closed.status, 'completed');
    t.match(outcome(closed), {
      upload: 'condition_false',
      switch: 'condition_false',
      check: 'condition_false',
    });
  });

  t.test('what is handed on has its type, and never becomes another command', async (t) => {
    const evil = `'; touch /tmp/pwned; echo '`;
    const done = await run(world, {
      strategy: { type: 'serial' },
      params: { evil },
      steps: [
        sh('make', `printf '{"n": 3, "list": [1, "two"], "text": "$(echo a b)"}'`, {
          output: { parse: 'json' },
        }),
        sh('quoted', 'printf %s ${plan.params.evil | quote}'),
        {
          name: 'typed',
          kind: 'exec',
          program: 'echo',
          timeouts: { attempt_ms: '${plan.params.none ?? 5000}' },
        },
        { name: 'in', kind: 'exec', program: 'cat', stdin: '${steps.make.result | json}' },
        {
          name: 'text',
          kind: 'exec',
          program: 'echo',
          args: [
            'n=${steps.make.result.n}',
            '$${literal}',
            '${steps.make.result.list[1]}',
            '${steps.make.result.n}',
          ],
        },
        {
          name: 'worked',
          kind: 'exec',
          program: 'printf',
          args: [
            '%s,%s',
            '${steps.make.result.n * 2 + 1}',
            '${json({"list": steps.make.result.list, "text": steps.make.stdout.contains("a b")})}',
          ],
        },
        sh('words', 'printf "%s|" ${quote(steps.make.result.list.map(x, join([x, plan.params.evil])))}'),
        {
          ...sh(
            'round',
            'printf %s ${quote(string(item) + "-" + steps.make.result.text + "-" + plan.params.evil)}',
          ),
          foreach: { items: '${steps.make.result.list.filter(x, x != "two") + ["b"]}' },
          outputs: { text: '${trim(stdout) + "!" + string(index + 1)}' },
        },
        {
          ...sh('again', 'printf %s ${quote(steps.make.result.text + string(iteration))}'),
          while: { condition: 'iteration < 2', max_iterations: 3 },
        },
      ],
      outputs: {
        worked: '${steps.worked.stdout}',
        words: '${steps.words.stdout}',
        rounds: '${steps.round.result.map(x, x.text)}',
        again: '${steps.again.result.stdout}',
        n: '${steps.make.result.n}',
        list: '${steps.make.result.list}',
        quoted: '${steps.quoted.stdout}',
        text: '${steps.text.stdout | trim}',
      },
    });
    t.equal(done.status, 'completed', JSON.stringify(done.steps));
    t.same(done.result, {
      worked: '7,{"list":[1,"two"],"text":true}',
      words: `1${evil}|two${evil}|`,
      rounds: [`1-$(echo a b)-${evil}!1`, `b-$(echo a b)-${evil}!2`],
      again: '$(echo a b)1',
      n: 3,
      list: [1, 'two'],
      quoted: evil,
      text: 'n=3 ${literal} two 3',
    });
    const typed = await world.call<ExecutionWire>(
      'GET',
      `/v1/executions/${step(done, 'typed').execution_id}`,
    );
    t.match(typed.body, { spec: { timeouts: { attempt_ms: 5000 } }, plan_id: done.id, step: 'typed' });
  });

  t.test('steps are ordinary executions, found by their plan', async (t) => {
    const done = await run(world, {
      strategy: { type: 'parallel' },
      task_id: 'release',
      labels: { team: 'infra' },
      priority: 3,
      steps: [sh('one', 'echo 1', { labels: { part: 'a' } }), sh('two', 'echo 2', { priority: 9 })],
    });
    const { body } = await world.call<{ items: ExecutionWire[] }>('GET', `/v1/executions?plan_id=${done.id}`);
    t.equal(body.items.length, 2);
    t.match(
      body.items.find((one) => one.step === 'one'),
      { task_id: 'release', labels: { team: 'infra', part: 'a' }, priority: 3, trace_id: done.trace_id },
    );
    t.match(
      body.items.find((one) => one.step === 'two'),
      { priority: 9 },
    );
    const one = await world.call<{ items: ExecutionWire[] }>(
      'GET',
      `/v1/executions?plan_id=${done.id}&step=one`,
    );
    t.equal(one.body.items.length, 1);
    const plans = await world.call<{ items: PlanWire[] }>(
      'GET',
      '/v1/plans?task_id=release&status=completed',
    );
    t.match(plans.body.items, [{ id: done.id, counts: { total: 2, completed: 2 }, progress: 1 }]);
    const result = await world.call('GET', `/v1/executions/${step(done, 'one').execution_id}/result`);
    t.match(result.body, { step: 'one', completed: true });
    const again = await world.call<Problem>('DELETE', `/v1/executions/${step(done, 'one').execution_id}`);
    t.match(again, { status: 409, body: { type: 'urn:execd:error:step_of_plan' } });
    const other = await world.call<Problem>('GET', `/v1/plans/${step(done, 'one').execution_id}`);
    t.equal(other.status, 404);
  });

  t.test('the log of a plan labels each line with its step, whole and followed', async (t) => {
    const { body } = await world.call<PlanWire>('POST', '/v1/plans', {
      strategy: { type: 'dependency_graph' },
      steps: [
        sh('a', 'echo first; echo second >&2'),
        sh('b', 'printf "no end"', { depends_on: ['a'] }),
        {
          name: 'loop',
          kind: 'exec',
          program: 'echo',
          args: ['round ${index}'],
          depends_on: ['b'],
          foreach: { items: [1, 2], max_concurrency: 1 },
        },
      ],
    });
    const followed = await world.call<string>('GET', `/v1/plans/${body.id}/logs?follow=true`);
    const lines = [
      '[a] first',
      '[a] second',
      '[b] no end',
      '[loop/loop[0]] round 0',
      '[loop/loop[1]] round 1',
    ];
    t.same(followed.text.trimEnd().split('\n').sort(), [...lines].sort());
    const whole = await world.call<string>('GET', `/v1/plans/${body.id}/logs`);
    t.same(whole.text.trimEnd().split('\n').sort(), [...lines].sort());
    const nd = await world.call<string>('GET', `/v1/plans/${body.id}/logs?format=ndjson&step=b`);
    const records = nd.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    t.match(records, [
      { step: 'b', stream: 'stdout', text: 'no end' },
      { end: true, complete: true, steps: 1, stdout_bytes: 6 },
    ]);
    const search = async (query: string) =>
      (await world.call<string>('GET', `/v1/plans/${body.id}/logs?${query}`)).text;
    t.equal(await search('q=NO'), '[b] no end\n');
    const found = await search('regex=%5E(second%7Cround%20%5Cd)%24&follow=true');
    t.same(found.split('\n').sort(), ['', '[a] second', '[loop/loop[0]] round 0', '[loop/loop[1]] round 1']);
    t.equal(await search('q=second&context=1&step=a&stream=stderr'), '[a] second\n');
    const near = (await search('q=first&context=1&step=a&format=ndjson')).split('\n').slice(0, 2);
    t.match(
      near.map((line) => JSON.parse(line) as object),
      [
        { step: 'a', text: 'first\n', match: true },
        { step: 'a', text: 'second\n', match: false },
      ],
    );
    for (const [query, field] of [
      ['q=a&regex=a', '?regex'],
      ['regex=(', '?regex'],
      ['context=1', '?context'],
    ])
      t.match(await world.call('GET', `/v1/plans/${body.id}/logs?${query}`), {
        status: 400,
        body: { errors: [{ field }] },
      });
  });

  t.test(
    'a follower that goes away, in the middle or while nothing is written, leaves no log open',
    async (t) => {
      const go = join(tempDir(t), 'go');
      const much = 'yes | head -c 1000000';
      const waits = `${much}; echo begun; until [ -e ${go} ]; do sleep 0.05; done`;
      const { body } = await world.call<PlanWire>('POST', '/v1/plans', {
        strategy: { type: 'parallel' },
        steps: ['a', 'b', 'c'].map((name) => sh(name, waits)),
      });
      const plan = `/v1/plans/${body.id}`;
      await follow(`${world.url}${plan}/logs?follow=true`, (text) => text.split('begun').length > 3);
      await follow(`${world.url}${plan}/logs?follow=true`, (text) => text !== '');
      const { steps = [] } = (await world.call<PlanWire>('GET', plan)).body;
      const execution = `${world.url}/v1/executions/${steps[0]?.execution_id ?? ''}`;
      for (const what of ['logs?follow=true', 'logs?follow=true&format=sse', 'events?output=true'])
        await follow(`${execution}/${what}`, (text) => text.includes('begun'));
      writeFileSync(go, '');
      t.equal((await ended(world, body.id)).status, 'completed');

      /** Reads until it has seen enough, and leaves. */
      async function follow(url: string, isEnough: (text: string) => boolean): Promise<void> {
        const leave = new AbortController();
        const answer = await fetch(url, { signal: leave.signal });
        let text = '';
        for await (const piece of answer.body ?? []) {
          text += Buffer.from(piece).toString();
          if (isEnough(text)) break;
        }
        leave.abort();
        await until(`${url} lets go of the logs`, () => openLogs().length === 0);
      }
    },
  );

  t.test(
    'everything that is wrong with a plan is told at once, with its place, and nothing has begun',
    async (t) => {
      const before = (await world.call<{ executions: object }>('GET', '/v1/stats')).body.executions;
      const graph = { type: 'dependency_graph' };
      const exec = (name: string, more: object = {}) => ({ name, kind: 'exec', program: 'true', ...more });
      t.match(
        await refused(world, {
          strategy: graph,
          steps: [
            exec('a'),
            exec('b', { depends_on: ['a', 'none', 'b'] }),
            exec('c', { depends_on: ['b'] }),
            exec('a', { program: '' }),
            exec('e', {
              args: [
                ...['${steps.a.result}', '${nothing}', '${steps.e.stdout}', '${steps.x.stdout}'],
                ...['${steps.x.result.n + 1}', '${HOME}', '${steps.a.result. + 1}', '${upper(plan.id)}'],
              ],
            }),
            exec('f', { when: '1 + 1', depends_on: ['e'], unknown: 1 }),
            exec('g', { when: 'false' }),
            exec('h', { depends_on: ['g'], args: ['${steps.g.stdout}'] }),
            { name: 'i', kind: 'shell', command: 'echo ${plan.params.x}' },
            exec('j', { foreach: { items: 'no list' }, on_limit: 'reject' }),
            {
              name: 'k',
              kind: 'shell',
              command: 'echo ${"a" + plan.id}',
            },
            'no step',
            { name: 'l', kind: 'shell', command: 'echo ${quote(plan.id) + "; id"}' },
            { name: 'm', kind: 'shell', command: 'echo "${quote(plan.id)}"' },
          ],
        }),
        {
          '/steps/1/depends_on/1': /there is no step "none"/,
          '/steps/1/depends_on/2': /cannot depend on itself/,
          '/steps/3/name': /is the name of step 0 already/,
          '/steps/3/program': /must not be empty/,
          '/steps/4/args/0': /does not end before/,
          '/steps/4/args/1': /nothing/,
          '/steps/4/args/2': /its own result/,
          '/steps/4/args/3': /there is no step "x"/,
          '/steps/4/args/4': /x\.result\.n \+ 1\}: there is no step "x"/,
          '/steps/4/args/5': /unknown variable "HOME".*; a literal is written \$\$\{HOME\}$/,
          '/steps/4/args/6': /unexpected \+ \(at character 17\)/,
          '/steps/4/args/7': /unknown function "upper"/,
          '/steps/5/when': /./,
          '/steps/5/unknown': /unknown field/,
          '/steps/7/args/0': /always skipped/,
          '/steps/8/command': /read by the shell|no parameter/,
          '/steps/9/foreach/items': /must be a list/,
          '/steps/9/on_limit': /waits for its slot/,
          '/steps/10/command': /write \$\{quote\("a" \+ plan.id\)\}/,
          '/steps/11': /must be an object/,
          '/steps/12/command': /would be read by the shell/,
          '/steps/13/command': /is within double quotes/,
        },
      );
      t.match(
        await refused(world, {
          strategy: graph,
          steps: [
            exec('a', { depends_on: ['c'] }),
            exec('b', { depends_on: ['a'] }),
            exec('c', { depends_on: ['b'] }),
          ],
        }),
        {
          '/steps/0/depends_on': 'forms a cycle: a -> b -> c -> a',
        },
      );
      const many = Array.from({ length: 10_001 }, (_, i) => exec(`s${i}`));
      t.match(await refused(world, { strategy: graph, steps: many }), { '/steps': /at most 10000/ });
      const all = many.slice(0, 10_000).map((_, i) => i);
      const dependencies = Object.fromEntries(all.slice(0, 21).map((i) => [i + 1, all]));
      const crowded = { strategy: { ...graph, dependencies }, steps: many.slice(0, 10_000) };
      t.match(Object.values(await refused(world, crowded)).join(), /at most 200000 dependencies/);
      const params = Object.fromEntries(Array.from({ length: 50_001 }, (_, i) => [`p${i}`, 0]));
      const wide = await world.call<Problem>('POST', '/v1/plans', {
        strategy: graph,
        params,
        steps: [exec('a')],
      });
      t.match(wide, { status: 400, body: { type: 'urn:execd:error:too_many_members' } });
      const inherited = await refused(world, { strategy: graph, steps: [exec('__proto__')] });
      t.match(inherited, { '/steps/0/name': 'must not be "__proto__"; choose another name' });
      let deep: object = exec('x');
      for (let i = 0; i < 6; i++) deep = { name: 'p', kind: 'plan', strategy: graph, steps: [deep] };
      t.match(Object.values(await refused(world, { strategy: graph, steps: [deep] })), [
        /nested at most 5 deep/,
      ]);
      t.match(
        await refused(world, {
          strategy: { type: 'parallel' },
          steps: [exec('a'), exec('b', { depends_on: ['a'] })],
        }),
        {
          '/steps/1/depends_on/0': /requires the strategy dependency_graph/,
        },
      );
      t.match(
        await refused(world, {
          strategy: { ...graph, dependencies: { 1: [0, 7], 9: [0] } },
          steps: [exec('a'), exec('b')],
        }),
        {
          '/strategy/dependencies/1/1': /no step 7/,
          '/strategy/dependencies/9': /no step 9/,
        },
      );
      t.match(await refused(world, { strategy: graph, steps: [exec('a', { kind: 'nope' })] }), {
        '/steps/0/kind': /"plan"/,
      });
      t.match(
        await world.call<Problem>('POST', '/v1/executions', {
          kind: 'plan',
          strategy: graph,
          steps: [exec('a')],
        }),
        { status: 400, body: { detail: /send a plan to POST \/v1\/plans/ } },
      );
      t.same((await world.call<{ executions: object }>('GET', '/v1/stats')).body.executions, before);
    },
  );

  t.test('a plan is checked without beginning anything', async (t) => {
    const exec = (name: string, ...depends_on: string[]) => ({
      name,
      kind: 'exec',
      program: 'true',
      depends_on,
    });
    const check = (steps: object[]) =>
      world.call<{ valid: boolean; problems: object[]; levels: string[][] | null }>(
        'POST',
        '/v1/plans/validate',
        {
          strategy: { type: 'dependency_graph' },
          steps,
        },
      );
    t.match(await check([exec('d', 'b', 'c'), exec('b', 'a'), exec('c', 'a'), exec('a')]), {
      status: 200,
      body: { valid: true, problems: [], levels: [['a'], ['b', 'c'], ['d']] },
    });
    t.match(await check([exec('a', 'b'), exec('b', 'a')]), {
      body: { valid: false, levels: null, problems: [{ message: /a -> b -> a|b -> a -> b/ }] },
    });
  });

  t.test('the items of a loop may be wrong only when they are known', async (t) => {
    const done = await run(world, {
      strategy: { type: 'serial' },
      steps: [
        sh('many', `printf '{"list": "no", "huge": %s}' "$(seq -s, 1 10001 | sed 's/.*/[&]/')"`, {
          output: { parse: 'json' },
        }),
        {
          name: 'no-list',
          kind: 'exec',
          program: 'true',
          continue_on_error: true,
          foreach: { items: '${steps.many.result.list}' },
        },
        { name: 'huge', kind: 'exec', program: 'true', foreach: { items: '${steps.many.result.huge}' } },
      ],
    });
    t.match(step(done, 'no-list'), {
      status: 'failed',
      execution_id: null,
      error: { code: 'E007', type: 'items_unusable' },
    });
    t.match(step(done, 'huge'), { error: { code: 'E007', message: /at most 10000 items, not 10001/ } });
    const failed = { class: 'system', fault: 'user', retryable: false };
    t.match(step(done, 'huge').error, { ...failed, details: { cause: 'evaluation_failed' } });
    t.match(done.error, {
      ...failed,
      class: 'execution',
      details: { cause: 'steps_ended', steps: ['huge'] },
    });
  });

  t.test('an operation is a step like any other', async (t) => {
    const file = join(tempDir(t), 'operations.yaml');
    writeFileSync(
      file,
      'operations:\n  greet:\n    description: Greets\n    params: {properties: {name: {type: string}}, required: [name]}\n    run: {kind: exec, program: echo, args: ["hello {{name}}"]}\n',
    );
    const other = await service(t, { EXECUTION_OPERATIONS_FILE: file });
    const done = await run(other, {
      strategy: { type: 'serial' },
      params: { who: 'Ann' },
      steps: [
        { name: 'a', kind: 'operation', operation: 'greet', params: { name: '${plan.params.who}' } },
        { name: 'b', kind: 'operation', operation: 'greet', params: { name: 3 }, continue_on_error: true },
      ],
      outputs: { said: '${steps.a.stdout | trim}' },
    });
    t.match(done, { status: 'completed', result: { said: 'hello Ann' } });
    t.match(step(done, 'b'), {
      status: 'failed',
      execution_id: null,
      error: { code: 'E001', type: 'step_refused' },
    });
  });

  t.test('one key is one plan', async (t) => {
    const plan = { strategy: { type: 'serial' }, steps: [sh('a', 'true')] };
    const post = () => world.call<PlanWire>('POST', '/v1/plans', plan, { 'idempotency-key': 'once' });
    const first = await post();
    const again = await post();
    t.equal(again.body.id, first.body.id);
    t.equal(again.headers.get('idempotency-replayed'), 'true');
    await ended(world, first.body.id);
    const named = { id: 'nightly-7', ...plan };
    const submit = (body: object) => world.call<PlanWire>('POST', '/v1/plans', body);
    const [own, same, other] = [
      await submit(named),
      await submit(named),
      await submit({ ...named, description: 'x' }),
    ];
    t.match(own, { status: 202, body: { client_id: 'nightly-7' } });
    t.match(same, { body: { id: own.body.id, client_id: 'nightly-7' } });
    t.match(other, { status: 422, body: { type: 'urn:execd:error:idempotency_key_reused' } });
    const done = await ended(world, own.body.id);
    const rerun = await world.call<PlanWire>('POST', `/v1/plans/${done.id}/rerun`);
    t.match(rerun, { status: 202, body: { client_id: null, rerun_of: done.id } });
    await ended(world, rerun.body.id);
  });

  t.test('steps need no names, and an answer has their results in order', async (t) => {
    const command = (text: string, more: object = {}) => ({
      kind: 'shell',
      shell: 'sh',
      command: text,
      ...more,
    });
    const plan = {
      strategy: { type: 'dependency_graph', dependencies: { 3: [0], 2: [1] } },
      steps: [
        command('echo zero'),
        command('exit 7', { continue_on_error: true }),
        { name: 'last', kind: 'exec', program: 'echo', args: ['${steps.step_1.result.none}'] },
        { kind: 'exec', program: 'cat', stdin: '${steps.step_0.stdout}' },
        { kind: 'plan', strategy: { type: 'serial' }, steps: [command('echo inner')] },
        command('true', { when: 'false' }),
      ],
    };
    const answer = await world.call<PlanWire>('POST', '/v1/plans?results=true', plan, { prefer: 'wait=60' });
    t.match(answer.body, {
      status: 'failed',
      results_complete: true,
      results: [
        { step: 'step_0', status: 'completed', completed: true, result: { stdout: 'zero\n' } },
        { step: 'step_1', status: 'failed', completed: false, error_code: 'E003' },
        { step: 'last', status: 'failed', result: null, error_code: 'E007', error_message: /none/ },
        { step: 'step_3', result: { stdout: 'zero\n' } },
        { step: 'step_4', status: 'completed' },
      ],
    });
    t.equal(answer.body.results?.length, 5, 'a step that was skipped has no result');
    t.equal(step(answer.body, 'step_5').status, 'skipped');
    const read = async (query: string) =>
      (await world.call<PlanWire>('GET', `/v1/plans/${answer.body.id}${query}`)).body;
    t.same((await read('?results=true&steps=false')).results, answer.body.results);
    t.equal((await read('')).results, undefined);
  });

  t.test('a plan is cancelled with what runs of it, and run again from where it failed', async (t) => {
    const gate = join(tempDir(t), 'gate');
    const { body } = await world.call<PlanWire>('POST', '/v1/plans', {
      strategy: { type: 'serial' },
      steps: [
        sh('fine', 'echo kept'),
        sh('wait', `test -e ${gate} || exec sleep 100`),
        sh('after', 'cat', { stdin: '${steps.fine.stdout}' }),
      ],
    });
    for (;;) {
      const { body: now } = await world.call<PlanWire>('GET', `/v1/plans/${body.id}`);
      if (step(now, 'wait').started_at !== null) break;
    }
    const cancel: Answer<PlanWire> = await world.call('POST', `/v1/plans/${body.id}/cancel`, {
      reason: 'too slow',
    });
    t.match(cancel.status, /20[02]/);
    const cancelled = await ended(world, body.id);
    t.match(cancelled, { status: 'cancelled', cancel: { reason: 'too slow' }, error: { code: 'E004' } });
    t.match(step(cancelled, 'after'), { status: 'skipped' });
    await world.run({ kind: 'exec', program: 'touch', args: [gate] });
    const { body: second, status } = await world.call<PlanWire>('POST', `/v1/plans/${body.id}/redrive`);
    t.equal(status, 202);
    const done = await ended(world, second.id);
    t.match(done, { status: 'completed', redrive_of: body.id });
    t.equal(step(done, 'fine').kept_from, step(cancelled, 'fine').execution_id);
    const log = await world.call<string>('GET', `/v1/plans/${second.id}/logs`);
    t.match(log.text, /\[after\] kept/);
    const whole = await world.call<PlanWire>('POST', `/v1/plans/${body.id}/rerun`, undefined, {
      prefer: 'wait=20',
    });
    t.match(whole.body, { status: 'completed', rerun_of: body.id });
    t.equal((await world.call('DELETE', `/v1/plans/${body.id}`)).status, 204);
    t.equal((await world.call('GET', `/v1/plans/${body.id}`)).status, 404);
  });
});
