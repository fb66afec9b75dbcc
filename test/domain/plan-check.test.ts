import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { planChecker, type PlanReport } from '../../src/domain/plans/plan-check.ts';
import { type PlanDraft, planRequest } from '../../src/domain/spec/plan.ts';
import { schemaProblem } from '../../src/expressions/payload-schemas.ts';
import { conditionsHere } from '../helpers/conditions.ts';
import { bodiesOf } from '../helpers/body-shapes.ts';
import { rounds } from '../helpers/rounds.ts';

const check = planChecker(
  { maxAttemptMs: 1000, maxOutputBytes: 1000, spoolMaxBytes: 1000 },
  conditionsHere(),
  schemaProblem,
);

function report(plan: unknown): PlanReport {
  const work = check(plan as PlanDraft);
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

const STEP = { name: 'a', kind: 'exec', program: 'true' };
const PARALLEL = { type: 'parallel' };
const around = (step: unknown) => ({ strategy: { type: 'dependency_graph' }, steps: [STEP, step] });

const MALFORMED: [string, object, string][] = [
  ['a plan without steps', { kind: 'plan', strategy: PARALLEL }, '/steps/1/steps'],
  ['a plan whose steps are null', { kind: 'plan', strategy: PARALLEL, steps: null }, '/steps/1/steps'],
  ['a plan whose steps are a text', { kind: 'plan', strategy: PARALLEL, steps: 'x' }, '/steps/1/steps'],
  ['a plan whose steps are an object', { kind: 'plan', strategy: PARALLEL, steps: {} }, '/steps/1/steps'],
  ['a plan without a strategy', { kind: 'plan', steps: [STEP] }, '/steps/1/strategy'],
  ['a plan whose strategy is null', { kind: 'plan', steps: [STEP], strategy: null }, '/steps/1/strategy'],
  [
    'a plan with dependencies that are no lists',
    { kind: 'plan', steps: [STEP], strategy: { type: 'dependency_graph', dependencies: { 0: 5 } } },
    '/steps/1/strategy/dependencies/0',
  ],
  ['foreach that is null', { ...STEP, foreach: null }, '/steps/1/foreach'],
  ['foreach that is null, with a kind that there is not', { kind: 'no', foreach: null }, '/steps/1/foreach'],
  ['while that is a list', { ...STEP, while: [] }, '/steps/1/while'],
  ['a dependency that is an object', { ...STEP, depends_on: [{}] }, '/steps/1/depends_on/0'],
  ['dependencies that are a text', { ...STEP, depends_on: 'a' }, '/steps/1/depends_on'],
  ['outputs that are null', { ...STEP, outputs: null }, '/steps/1/outputs'],
  [
    'params that are a list',
    { kind: 'plan', steps: [STEP], strategy: PARALLEL, params: [] },
    '/steps/1/params',
  ],
  ['a condition that is a number', { ...STEP, when: 5 }, '/steps/1/when'],
];

for (const [what, step, field] of MALFORMED) {
  t.test(`${what} is reported with its place`, async (t) => {
    const { problems } = report(around({ ...step, name: 'b' }));
    t.ok(
      problems.some((one) => one.field === field),
      JSON.stringify(problems),
    );
    const nested = report({ strategy: PARALLEL, steps: [{ ...around(step), name: 'n', kind: 'plan' }] });
    t.ok(
      nested.problems.some((one) => one.field === `/steps/0${field}`),
      JSON.stringify(nested.problems),
    );
  });
}

const EXPRESSION = '${steps.a.stdout | quote}';
const READ_AS_CODE: [string, object, string | null, RegExp][] = [
  [
    'within double quotes of a shell',
    { kind: 'shell', command: `echo "${EXPRESSION}"` },
    'command',
    /double quotes/,
  ],
  ['beside quotes of a shell', { kind: 'shell', command: `echo "a "${EXPRESSION}" b"` }, null, /./],
  [
    'in a shell of another kind',
    { kind: 'shell', shell: 'fish', command: `echo ${EXPRESSION}` },
    'command',
    /fish/,
  ],
  [
    'in a shell that is not known',
    { kind: 'shell', shell: '${plan.params.s}', command: EXPRESSION },
    'command',
    /env/,
  ],
  [
    'in a script of Python',
    { kind: 'script', interpreter: 'python3', source: `print(${EXPRESSION})` },
    'source',
    /python3/,
  ],
  [
    'in a here-document of a script',
    { kind: 'script', source: `#!/bin/sh\ncat <<A\n${EXPRESSION}\nA` },
    'source',
    /here/,
  ],
  [
    'in a script of a shell',
    { kind: 'script', source: `#!/usr/bin/env bash\necho ${EXPRESSION}` },
    null,
    /./,
  ],
  [
    'in what a shell is handed as code',
    { kind: 'exec', program: '/bin/bash', args: ['-o', 'pipefail', '-ec', 'echo ${steps.a.stdout}', 'x'] },
    'args/3',
    /quote/,
  ],
  [
    'in the arguments of what a shell is handed as code',
    { kind: 'exec', program: 'sh', args: ['-c', 'echo "$1"', 'sh', '${steps.a.stdout}'] },
    null,
    /./,
  ],
  [
    'in the arguments of a script',
    { kind: 'exec', program: 'sh', args: ['x.sh', '-c', '${steps.a.stdout}'] },
    null,
    /./,
  ],
];

for (const [where, step, field, message] of READ_AS_CODE) {
  t.test(`a reference ${where} is ${field === null ? 'taken' : 'refused'}`, async (t) => {
    const params = { s: 'bash' };
    const strategy = { type: 'serial' } as const;
    const { problems } = report({ strategy, params, steps: [STEP, { name: 'b', ...step }] });
    if (field === null) t.same(problems, []);
    else t.match(problems, [{ field: `/steps/1/${field}`, message }]);
  });
}

t.test('whatever the steps are, a check ends with a report', async () => {
  const { components } = JSON.parse(readFileSync('openapi/openapi.json', 'utf8')) as {
    components: { schemas: Record<string, object> };
  };
  const ofPlan = { $ref: '#/components/schemas/PlanRequest' };
  const steps = fc.array(bodiesOf({ $ref: '#/components/schemas/PlanStepRequest' }, components.schemas), {
    minLength: 1,
    maxLength: 3,
  });
  const drafts = fc.tuple(bodiesOf(ofPlan, components.schemas), steps, steps).map(([plan, outer, inner]) => {
    const frame = typeof plan === 'object' && plan !== null && !Array.isArray(plan) ? plan : {};
    const nest = (step: unknown) =>
      typeof step === 'object' && step !== null && (step as { kind?: unknown }).kind === 'plan'
        ? { ...step, steps: inner }
        : step;
    return { ...frame, steps: outer.map(nest) };
  });
  fc.assert(
    fc.property(drafts, (draft) => {
      // As the route does it: the frame is right, the steps are anything.
      const framed = planRequest.safeParse(draft);
      const plan = framed.success ? framed.data : { strategy: { type: 'parallel' }, steps: draft.steps };
      const { problems } = report(plan);
      return problems.every(({ field, message }) => field.startsWith('/') && message.length > 0);
    }),
    { numRuns: rounds(100) },
  );
});
