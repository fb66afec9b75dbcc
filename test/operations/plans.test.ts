// Operations that run a plan: what their files may say, and what their parameters become.
import t from 'tap';
import { type OperationSpec, resolvePlan } from '../../src/domain/operations/operation.ts';
import { specAgain } from '../../src/domain/operations/again.ts';
import { RefusedError } from '../../src/domain/errors.ts';
import { planChecks } from '../../src/domain/plans/plan-check.ts';
import type { PlanSpec } from '../../src/domain/spec/plan.ts';
import { planParts } from '../../src/expressions/plan-parts.ts';
import { parseOperations } from '../../src/operator-files/operations-file.ts';
import { fileWith, LIMITS, registryOf } from '../helpers/operations.ts';

const { check } = planParts(LIMITS, () => Promise.reject(new Error('nothing is evaluated here')));
const checkPlan = planChecks(check);
const text = { type: 'string' };
const exec = (args: unknown[], more = {}) => ({ kind: 'exec', program: 'echo', args, ...more });

function problems(run: object, properties: Record<string, object> = {}, more: object = {}): string[] {
  const file = JSON.stringify(fileWith({ kind: 'plan', ...run }, properties, more));
  const read = parseOperations(file, LIMITS, { checkPlan });
  return 'problems' in read ? read.problems.map(({ path, message }) => `${path}: ${message}`) : [];
}

t.test('what is wrong with a plan of an operation is found when its file is read', async (t) => {
  const rows: [string, string[], RegExp][] = [
    ['no steps', problems({}), /operations.op.run.steps: /],
    [
      'a policy of steps',
      problems({ steps: [exec(['a'])] }, {}, { retry: {} }),
      /op.retry: must be left out: a plan has none/,
    ],
    [
      'a clock of steps',
      problems({ steps: [exec(['a'])] }, {}, { timeouts: { idle_ms: 5 } }),
      /op.timeouts.idle_ms: must be left out/,
    ],
    [
      'labels in run',
      problems({ steps: [exec(['a'])], labels: {} }),
      /op.run.labels: .*put labels beside run/,
    ],
    ['loop', problems({ steps: [exec(['a'])], loop: {} }), /op.run.loop: unknown field/],
    ['operation', problems({ steps: [exec(['a'])], operation: {} }), /op.run.operation: unknown field/],
    ['unused', problems({ steps: [exec(['a'])] }, { x: text }), /op.params.properties.x: is not used/],
    [
      'no such parameter',
      problems({ steps: [exec(['{{y}}'])] }),
      /op.run.steps\[0\].args\[0\]: \{\{y\}\} is not a parameter/,
    ],
    [
      'what runs',
      problems({ steps: [exec([], { program: '{{x}}' })] }, { x: text }),
      /program: \{\{x\}\} decides what runs/,
    ],
    [
      'in a shell',
      problems({ steps: [{ kind: 'shell', command: 'echo {{x}}' }] }, { x: text }),
      /command: must not contain slots: parameters are in the environment/,
    ],
    [
      'in CEL',
      problems({ steps: [exec(['{{x}}'], { when: '{{x}} == 1' })] }, { x: text }),
      /when: must not contain slots/,
    ],
    ['in a reference', problems({ steps: [exec(['${steps.{{x}}.stdout}'])] }, { x: text }), /args\[0\]: /],
    ['no such step', problems({ steps: [exec(['${steps.no.stdout}'])] }), /run.steps\[0\].args\[0\]: .*no/],
    [
      'below',
      problems({ steps: [{ kind: 'plan', strategy: { type: 'serial' }, steps: [exec(['{{z}}'])] }] }),
      /run.steps\[0\].steps\[0\].args\[0\]: \{\{z\}\}/,
    ],
    [
      'a variable twice',
      problems({ steps: [{ kind: 'shell', command: 'a', env: { PARAM_X: '1' } }] }, { x: text }),
      /run.steps\[0\].env.PARAM_X: is a parameter/,
    ],
  ];
  for (const [name, found, expected] of rows) t.match(found.join('\n'), expected, name);
  t.same(problems({ steps: [exec(['{{x}}', '${1 + 1}'])] }, { x: text }), []);
});

t.test('what fills a slot is neither a reference, nor an option, nor shell', async (t) => {
  const steps = [
    exec(['v={{x}}', '${steps.a.stdout}{{x}}', '$', 'p${{x}}'], { name: 'b' }),
    { kind: 'shell', command: 'echo "$PARAM_X"' },
    { kind: 'http', url: 'http://localhost/{{x}}', body: { json: { all: '{{list}}' } } },
  ];
  const properties = { x: text, list: { type: 'array', items: text } };
  const run = { kind: 'plan', strategy: { type: 'parallel' }, steps, params: { x: '{{x}}' } };
  const operations = registryOf(fileWith(run, properties, { labels: { a: '1' }, priority: 3 }));
  const made = (x: string) =>
    resolvePlan(operations, { kind: 'operation', name: 'op', params: { x, list: [x] }, labels: { b: '2' } });
  const plan = made('${steps.a.stdout}') as PlanSpec;
  const [first, second, third] = plan.steps;
  t.same(first?.args, [
    'v=$${steps.a.stdout}',
    '${steps.a.stdout}$${steps.a.stdout}',
    '$',
    'p$$${steps.a.stdout}',
  ]);
  t.same(second?.env, { PARAM_X: '$${steps.a.stdout}', PARAM_LIST: '["$${steps.a.stdout}"]' });
  t.match(third, {
    url: 'http://localhost/%24%7Bsteps.a.stdout%7D',
    body: { json: { all: ['$${steps.a.stdout}'] } },
  });
  t.match(plan, { params: { x: '$${steps.a.stdout}' }, labels: { a: '1', b: '2' }, priority: 3 });
  t.match(plan.operation, { name: 'op', params: { x: '${steps.a.stdout}' }, version: /^[0-9a-f]{16}$/ });
  t.same(
    made('{y}')?.steps[0]?.args,
    ['v={y}', '${steps.a.stdout}{y}', '$', 'p$${y}'],
    'a dollar before a slot makes none',
  );
  const dashes = registryOf(fileWith({ kind: 'plan', steps: [exec(['{{x}}'])] }, { x: text }));
  const refusals = (request: Partial<OperationSpec>) => {
    try {
      resolvePlan(dashes, { kind: 'operation', name: 'op', ...request });
    } catch (error) {
      return (error as RefusedError).fields;
    }
    return [];
  };
  t.match(refusals({ params: { x: '-rf' } }), [{ field: '/params/x', message: /must not begin with "-"/ }]);
  const more = { params: { x: 'a' }, cache: {}, timeouts: { idle_ms: 1 } };
  t.match(refusals(more), [{ field: '/cache' }, { field: '/timeouts/idle_ms' }]);

  const again = specAgain(made('a') as PlanSpec, { x: 'b' });
  t.match(again, {
    kind: 'operation',
    name: 'op',
    params: { x: 'b', list: ['a'] },
    labels: { b: '2' },
    priority: 3,
  });
  const plain: PlanSpec = {
    kind: 'plan',
    id: 'mine',
    strategy: { type: 'serial' },
    steps: [],
    params: { a: 1, b: 2 },
  };
  t.same(specAgain(plain, { b: 3 }), {
    kind: 'plan',
    strategy: { type: 'serial' },
    steps: [],
    params: { a: 1, b: 3 },
  });
  t.throws(() => specAgain({ kind: 'exec', program: 'a' }, {}), RefusedError);
});
