// Rounds of kill -9: 500 queued and 50 running when the server dies at a random moment. Every accepted execution ends in
// exactly one terminal state, queued ones run exactly once, and no process survives. Side effects are the proof.
//
//   npm run test:kill-loop -- 20    so many rounds (10)
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionWire } from '../../src/http/schemas.ts';
import { withEnvironment } from '../helpers/processes.ts';
import { check, finish, freePort, scratch, startServer } from './support.ts';

const ROUNDS = Number(process.argv[2] ?? 10);
const QUEUED = 500;
const RUNNING = 50;

const dir = scratch();
const port = await freePort();
const env = {
  EXECUTION_DATA_DIR: join(dir, 'data'),
  EXECUTION_PORT: port,
  EXECUTION_MAX_CONCURRENT: String(RUNNING),
  EXECUTION_KILL_GRACE_MS: '500',
  EXECUTION_RETENTION_SECS: '360000',
};
const file = (name: string) => join(dir, name);
for (const name of ['began', 'ended']) appendFileSync(file(name), '');

/** Lines of a file, counted. */
function counts(name: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of readFileSync(file(name), 'utf8').split('\n'))
    if (line !== '') found.set(line, (found.get(line) ?? 0) + 1);
  return found;
}

const command = `echo $EXECUTION_ID >> ${file('began')}; setsid sleep 5 & sleep 0.$((RANDOM % 3)); echo $EXECUTION_ID >> ${file('ended')}; kill %1`;
const spec = { kind: 'shell', command };
const accepted = new Map<string, number>();
const endings: Record<string, number> = {};
const terminal = new Map<string, string>();

for (let round = 1; round <= ROUNDS; round++) {
  const server = await startServer(env);
  const survivors = withEnvironment(`${dir}/data/work/`).filter(
    (pid) => !readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`/work/${round}/`),
  );
  check(survivors.length === 0, `round ${round}: no orphan survived the restart`);
  const { items } = await server.call<{ items: { execution?: ExecutionWire }[] }>(
    'POST',
    '/v1/executions/batch',
    {
      executions: Array.from({ length: QUEUED + RUNNING }, () => spec),
    },
  );
  for (const { execution } of items) if (execution !== undefined) accepted.set(execution.id, round);
  const late = Array.from({ length: 200 }, () =>
    server.submit(spec).then(({ id }) => accepted.set(id, round)),
  );
  await Promise.race([
    Promise.allSettled(late),
    new Promise((resolve) => setTimeout(resolve, Math.random() * 3000)),
  ]);
  const stats = await server
    .call<{ executions: Record<string, number> }>('GET', '/v1/stats')
    .catch((): { executions: Record<string, number> } => ({ executions: {} }));
  await server.kill();
  await Promise.allSettled(late);
  console.log(
    `round ${round}: killed with ${stats.executions.pending ?? '?'} queued and ${stats.executions.running ?? '?'} running`,
  );
}

const last = await startServer(env);
for (const id of accepted.keys()) {
  const end = await last.finished(id);
  terminal.set(id, end.status);
  const how =
    end.status === 'completed' ? 'completed' : `${end.status}: ${end.outcome?.detail ?? end.outcome?.cause}`;
  endings[how] = (endings[how] ?? 0) + 1;
  if (end.status !== 'completed' && end.outcome?.cause !== 'lost')
    check(false, `${id} ended as ${JSON.stringify(end.outcome)}`);
}
const [began, ended] = [counts('began'), counts('ended')];
console.log(`${accepted.size} accepted in ${ROUNDS} rounds: ${JSON.stringify(endings)}`);
const twice = [...began].filter(([, times]) => times > 1);
check(twice.length === 0, `nothing began twice (${twice.length} did)`);
const notOnce = [...terminal].filter(([id, status]) => status === 'completed' && ended.get(id) !== 1);
check(notOnce.length === 0, `everything that completed ran exactly once (${notOnce.length} did not)`);
const unknown = [...began.keys()].filter((id) => !accepted.has(id));
console.log(
  `${unknown.length} ran whose acceptance the client did not hear of, because the server died before it answered`,
);
check(
  terminal.size === accepted.size,
  `every accepted execution is terminal (${terminal.size} of ${accepted.size})`,
);
const again = await Promise.all(
  [...accepted.keys()].slice(0, 500).map(async (id) => (await last.finished(id)).status === terminal.get(id)),
);
check(again.every(Boolean), 'no end has changed');
check(existsSync(file('ended')), 'the side effects are there');
await last.stop();
check(withEnvironment(`${dir}/data/`).length === 0, 'no process is left');
finish();
