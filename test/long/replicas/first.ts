// One thing after the other, before the faults: whatever one server does, the others tell; and a server that is frozen for longer
// than its lease has no process left when its work is tried elsewhere.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionWire } from '../../../src/http/executions/schemas.ts';
import { until } from '../../helpers/processes.ts';
import { check, type Server } from '../support.ts';
import type { World } from './world.ts';

interface RunnerList {
  items: { name: string; slots: { process: { executions: string[] } } }[];
}

/** Servers with an API; there are at least two. */
function doorsOf(world: World): [Server, Server, Server] {
  const doors = world.replicas.filter(({ role }) => role !== 'runner').map(({ server }) => server as Server);
  return [doors[0], doors[1], doors[2] ?? doors[0]] as [Server, Server, Server];
}

export async function withoutFaults(world: World): Promise<void> {
  const [a, b, c] = doorsOf(world);
  const began = Date.now();
  const first = await a.submit({ kind: 'shell', command: 'echo one' });
  check((await b.finished(first.id)).status === 'completed', 'submitted at one, awaited at another one');
  const seen = await c.call<ExecutionWire>('GET', `/v1/executions/${first.id}`);
  check(seen.status === 'completed', 'read at a third one');
  console.log(`     took ${Date.now() - began} ms`);
  const slow = await a.submit({ kind: 'shell', command: 'sleep 100' });
  const phase = async () => (await b.call<ExecutionWire>('GET', `/v1/executions/${slow.id}`)).phase;
  await until('it runs', async () => (await phase()) === 'running');
  const asked = Date.now();
  await c.call('POST', `/v1/executions/${slow.id}/cancel`);
  check((await b.finished(slow.id)).status === 'cancelled', 'cancelled at a third one');
  console.log(`     cancel to end: ${Date.now() - asked} ms`);
  const logged = await a.submit({ kind: 'shell', command: 'seq 1000; sleep 1; seq 1000' });
  const logs = await Promise.all(
    [a, b, c].map(async ({ url }) =>
      (await fetch(`${url}/v1/executions/${logged.id}/logs?follow=true&format=raw`)).text(),
    ),
  );
  const whole = `${Array.from({ length: 1000 }, (_, i) => i + 1).join('\n')}\n`.repeat(2);
  for (const [i, log] of logs.entries())
    check(log === whole, `its log is followed at ${i}: ${log.length} bytes`);
}

/** The second attempt looks whether the first one, which ignores SIGTERM, lives. */
export async function frozenLongerThanItsLease(world: World): Promise<void> {
  const proof = join(world.dir, 'proof');
  const command = `if [ -e ${proof} ]; then
      read pid < ${proof}; kill -0 $pid 2>/dev/null && echo beside it; echo again; exit 0
    fi
    trap '' TERM; sleep 1000 & echo $$ > ${proof}; while :; do sleep 0.1; done`;
  const retry = { attempts: 50, min_ms: 0, multiplier: 0, retry_on: { causes: ['lost'] } };
  const [door] = doorsOf(world);
  const { id } = await door.submit({ kind: 'shell', command, retry, retry_safe: true });
  await until('it runs', () => existsSync(proof) && readFileSync(proof, 'utf8') !== '');
  const { items } = await door.call<RunnerList>('GET', '/v1/runners');
  const at = items.find(({ slots }) => slots.process.executions.includes(id))?.name ?? '';
  const replica = world.replicas.find(({ name }) => name === at);
  check(replica !== undefined, `it runs at ${at}`);
  if (!replica?.server) return;
  const { server } = replica;
  replica.isFrozen = true;
  process.kill(server.pid, 'SIGSTOP');
  const other = world.replicas.find((one) => one.role !== 'runner' && world.isUp(one))?.server as Server;
  const end = await other.finished(id);
  check(
    end.status === 'completed' && end.attempts.length === 2,
    `what ran at ${at}, which is frozen, was retried`,
  );
  const log = await (await fetch(`${other.url}/v1/executions/${id}/logs?format=raw`)).text();
  check(log === 'again\n', `its first attempt had ended before the second began: ${JSON.stringify(log)}`);
  replica.isHit = true;
  process.kill(server.pid, 'SIGCONT');
  replica.isFrozen = false;
  await until('it ends by itself', () => server.hasEnded());
  await until('it is back', () => world.isUp(replica));
}
