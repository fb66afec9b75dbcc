import t from 'tap';
import { planParts } from '../../src/expressions/plan-parts.ts';
import { evaluateHere } from '../helpers/conditions.ts';

const { parse } = planParts(
  { maxAttemptMs: 3_600_000, maxOutputBytes: 10_485_760, spoolMaxBytes: 1_073_741_824, maxGraceMs: 60_000 },
  evaluateHere,
);

/** Counts how often a member of it is read. */
function counted<T extends object>(target: T): { value: T; reads: () => number } {
  let reads = 0;
  const value = new Proxy(target, {
    get(of, name, receiver) {
      reads += 1;
      return Reflect.get(of, name, receiver) as unknown;
    },
  });
  return { value, reads: () => reads };
}

t.test('of a step that is filled in, only what a check changes is copied', async (t) => {
  const stdin = 'x'.repeat(1000);
  const step = { kind: 'exec', program: 'p', args: ['a', 1, true], env: { A: 2, B: 'b' }, stdin };
  const before = structuredClone(step);
  const parsed = parse(step);
  t.match(parsed, { spec: { args: ['a', '1', 'true'], env: { A: '2', B: 'b' }, stdin } });
  t.same(step, before, 'the step itself stays as it is');
});

t.test('of what is too much, members are looked through once for numbers, and never checked', async (t) => {
  const names = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`N${i}`, i]));
  const env = counted(names);
  t.match(parse({ kind: 'exec', program: 'p', env: env.value }), {
    wrong: /has 100000 environment names; at most 1000 are allowed/,
  });
  t.ok(env.reads() < 101_000, `${env.reads()} reads`);
  const args = counted(Array.from({ length: 100_000 }, () => 1));
  const refused = parse({ kind: 'exec', program: 'p', args: args.value });
  t.ok('wrong' in refused);
  t.ok(args.reads() < 101_000, `${args.reads()} reads`);
});

t.test('of many wrong members, no more are looked at than anybody reads of', async (t) => {
  const args = counted(Array.from({ length: 4000 }, () => ({})));
  t.ok('wrong' in parse({ kind: 'exec', program: 'p', args: args.value }));
  t.ok(args.reads() < 6000, `${args.reads()} reads`);
});
