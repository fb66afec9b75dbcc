// Plans whose server is killed with kill -9 at random moments, and started again, until they end: what has finished never
// runs twice, what was interrupted follows its policy, and the plan completes. Side effects are the proof.
//
//   npm run test:plans -- 5    so many rounds (20); one in four is of loops and nested plans
import { join } from 'node:path';
import { withEnvironment } from '../helpers/processes.ts';
import { graphPlan, loopPlan, runKilled } from '../helpers/plan-kills.ts';
import { check, finish, freePort, scratch, startServer } from './support.ts';

const ROUNDS = Number(process.argv[2] ?? 20);
/** Of one plan. */
const MOST_KILLS = 6;

const dir = scratch();
const env = {
  EXECUTION_DATA_DIR: join(dir, 'data'),
  EXECUTION_PORT: await freePort(),
  EXECUTION_MAX_CONCURRENT: '8',
  EXECUTION_KILL_GRACE_MS: '500',
};
const sum = { kills: 0, again: 0, lost: 0 };

for (const [kind, makePlan, rounds] of [
  ['a graph', graphPlan, ROUNDS],
  ['loops and a plan in the plan', loopPlan, Math.ceil(ROUNDS / 4)],
] as const) {
  for (let round = 1; round <= rounds; round++) {
    const start = () => startServer(env);
    const { server, problems, ...counts } = await runKilled(
      makePlan,
      join(dir, `${kind} ${round}`),
      start,
      MOST_KILLS,
    );
    for (const name of ['kills', 'again', 'lost'] as const) sum[name] += counts[name];
    const { kills, again, lost } = counts;
    check(
      problems.length === 0,
      `${kind}, round ${round}: ${kills} kills, ${again} steps ran again as they may, ${lost} are lost`,
    );
    for (const problem of problems) console.log(`      ${problem}`);
    await server.kill();
  }
}
check(sum.again > 0 && sum.lost > 0, `there were steps of either policy: ${JSON.stringify(sum)}`);
const last = await startServer(env);
check(withEnvironment(`${dir}/data/work/`).length === 0, 'no process of a step is left');
await last.stop();
check(withEnvironment(`${dir}/data/`).length === 0, 'no process is left');
finish();
