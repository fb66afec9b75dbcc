// What plans of one user mean for another one, who only looks: how long a GET takes while nothing else happens, and while
// conditions are evaluated that take as long as they may, texts are worked out of references, and large plans are checked.
//
//   npm run build && node bench/plan-neighbours.ts
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bearer, keysText } from '../test/helpers/key-texts.ts';
import { scratch, type Server } from '../test/long/support.ts';
import { told, watched } from './watched.ts';

const STEP = { kind: 'exec', program: 'true', continue_on_error: true };
const parallel = (params: object, steps: object[]) => ({ strategy: { type: 'parallel' }, params, steps });
const list = (length: number) => Array.from({ length }, (_, i) => i);

/** 60 × 60 × 60 rounds are more than fit into the time of a condition. */
const NESTED = 'plan.params.l.all(a, plan.params.l.all(b, plan.params.l.all(c, c >= 0.0)))';

const conditions = parallel(
  { l: list(60) },
  list(8).map((i) => ({ ...STEP, name: `s${i}`, when: NESTED })),
);
const filters = parallel(
  { t: JSON.stringify(list(120_000)) },
  list(20).map((i) => ({
    ...STEP,
    name: `s${i}`,
    env: { N: '${plan.params.t | parse | json | parse | json | lines | json | parse | json | trim | json}' },
  })),
);
const wrong = parallel(
  {},
  list(20).map((i) => ({ ...STEP, name: `s${i}`, args: list(40_000) })),
);

const LOADS: [string, number, string, object][] = [
  ['40 plans of 8 conditions', 40, '/v1/plans', conditions],
  ['10 plans of 20 steps with filters', 10, '/v1/plans', filters],
  ['10 checks of plans with 800,000 wrong arguments', 10, '/v1/plans/validate', wrong],
];

interface Looks {
  p50: number;
  p99: number;
  max: number;
  count: number;
}

/** How long a GET takes, one after the other, until what is to happen has happened. */
async function look(server: Server, until: Promise<unknown>): Promise<Looks> {
  const over = { isOver: false };
  void until.finally(() => (over.isOver = true));
  const taken: number[] = [];
  while (!over.isOver) {
    const start = performance.now();
    await server.call('GET', '/v1/executions?limit=1', undefined, bearer('bob'));
    taken.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  taken.sort((a, b) => a - b);
  const at = (part: number) => taken[Math.min(taken.length - 1, Math.floor(taken.length * part))] as number;
  return { p50: at(0.5), p99: at(0.99), max: at(1), count: taken.length };
}

const ms = (n: number) => n.toFixed(n < 10 ? 1 : 0);
const say = (what: string, { p50, p99, max, count }: Looks, quiet: Looks, more: string) =>
  console.log(
    `${what.padEnd(50)} GET of another user: ${ms(p50)}, ${ms(p99)}, ${ms(max)} ms (p50, p99, most of ${count}), ` +
      `p99 ${(p99 / quiet.p99).toFixed(1)} times that of a quiet server; ${more}`,
  );

const keys = join(scratch(), 'keys.json');
writeFileSync(keys, keysText({ alice: {}, bob: {} }), { mode: 0o600 });
const { server, pauses } = await watched({ EXECUTION_API_KEYS_FILE: keys });
const sleep = (s: number) => new Promise((resolve) => setTimeout(resolve, s * 1000));
await look(server, sleep(1));
const quiet = await look(server, sleep(5));
say('nothing else', quiet, quiet, told(await pauses()));

for (const [what, count, path, plan] of LOADS) {
  const bodies = list(count).map(async () => {
    const answer = await server
      .call<{ id?: string }>('POST', path, plan, bearer('alice'))
      .catch((error: unknown) => ({ refused: String(error).slice(0, 80) }));
    if (!('id' in answer)) return;
    for (;;) {
      const url = `/v1/plans/${answer.id}?steps=false&wait=60`;
      const { status } = await server.call<{ status: string }>('GET', url, undefined, bearer('alice'));
      if (status !== 'running') return;
    }
  });
  const start = performance.now();
  const looks = await look(server, Promise.all(bodies));
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  say(`${what}, ${seconds} s`, looks, quiet, told(await pauses()));
}
await server.kill();
