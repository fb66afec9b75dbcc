// What users hold for a while: streams, requests that wait, connections. Each has a share, and there is a bound on the sum.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { FairShare } from '../../src/http/edge/fair-share.ts';
import { rawRequest, service, type Service, shell } from '../helpers/build.ts';
import { bearer, keysFile } from '../helpers/keys.ts';
import { until } from '../helpers/processes.ts';
import { tempDir } from '../helpers/temp.ts';

t.test('a user holds no more than is left free, and there is room for one who holds nothing', async (t) => {
  const share = new FairShare(20);
  const takeAll = (user: string) => {
    const given: (() => void)[] = [];
    while (share.hasRoom(user, 'long')) given.push(share.take(user));
    return given;
  };
  const ofAlice = takeAll('alice');
  t.equal(ofAlice.length, 10);
  t.equal(takeAll('bob').length, 5);
  t.equal(takeAll('carol').length, 3);
  t.equal(takeAll('dave').length, 1);
  t.equal(takeAll('erin').length, 1);
  t.equal(takeAll('frank').length, 0, 'the sum is bounded');
  for (const giveBack of ofAlice) giveBack();
  t.equal(share.heldBy('alice'), 0);
  t.equal(takeAll('frank').length, 5);
  const mixed = new FairShare(12);
  for (let i = 0; i < 6; i++) mixed.take('alice');
  t.same([mixed.hasRoom('alice', 'long'), mixed.hasRoom('alice', 'short')], [false, true]);
  for (let i = 0; i < 3; i++) mixed.take('alice');
  t.equal(mixed.hasRoom('alice', 'short'), false, 'also what is short has its share');
  t.equal(new FairShare(3).hasRoom('local', 'all'), true);
  const alone = new FairShare(3);
  for (let i = 0; i < 3; i++) alone.take('local');
  t.equal(alone.hasRoom('local', 'all'), false, 'who is alone has all of it');
});

/** Opens event streams until one is refused; answers how many there were, and the refusal. */
async function streamsOf(t: Test, { url }: Service, headers: Record<string, string>) {
  const end = new AbortController();
  // Held to the end of the test: a response that nothing holds is closed when garbage is collected.
  const open: Response[] = [];
  t.teardown(() => {
    end.abort();
    open.length = 0;
  });
  for (;;) {
    const response = await fetch(`${url}/v1/events`, { headers, signal: end.signal });
    if (!response.ok)
      return { open: open.length, problem: (await response.json()) as { type: string; detail: string } };
    open.push(response);
  }
}

t.test('streams have a share for each user, and a quota', async (t) => {
  const policy = join(tempDir(t), 'policy.json');
  writeFileSync(policy, JSON.stringify({ users: { carol: { may_run: 'any', quotas: { streams: 1 } } } }));
  const s = await service(t, {
    EXECUTION_MAX_STREAMS: '8',
    EXECUTION_POLICY_FILE: policy,
    EXECUTION_API_KEYS_FILE: keysFile(t, { alice: {}, bob: {}, carol: {} }),
  });
  const ofAlice = await streamsOf(t, s, bearer('alice'));
  t.equal(ofAlice.open, 4);
  t.match(ofAlice.problem, { type: 'urn:execd:error:too_many_streams' });
  t.match(
    ofAlice.problem.detail,
    /has 4 of the 8 streams .*EXECUTION_MAX_STREAMS.* Close one and try again\.$/,
  );
  const ofCarol = await streamsOf(t, s, bearer('carol'));
  t.equal(ofCarol.open, 1);
  t.match(ofCarol.problem.detail, /has 1 streams open, as many as the quota "streams" allows/);
  t.equal((await streamsOf(t, s, bearer('bob'))).open, 2);
});

t.test('without keys there is one user, who may have all streams', async (t) => {
  const s = await service(t, { EXECUTION_MAX_STREAMS: '4' });
  const { open, problem } = await streamsOf(t, s, {});
  t.equal(open, 4);
  t.match(problem.detail, /^User "local" has 4 of the 4 streams/);
});

t.test('requests that wait, and silent connections, keep nobody out', async (t) => {
  const s = await service(t, {
    EXECUTION_MAX_CONNECTIONS: '12',
    EXECUTION_API_KEYS_FILE: keysFile(t, { alice: {}, bob: {} }),
  });
  const { body } = await s.call<{ id: string }>(
    'POST',
    '/v1/executions',
    shell('sleep 600'),
    bearer('alice'),
  );
  const path = `/v1/executions/${body.id}`;
  const refused: unknown[] = [];
  const polls = Array.from({ length: 12 }, async () => {
    const answer = await rawRequest(s.url, { path: `${path}?wait=30`, headers: bearer('alice') });
    if (answer.status === 429) refused.push(JSON.parse(answer.body.toString()));
    return answer.status;
  });
  await until('what is over her share is refused', () => refused.length === 6);
  t.match(refused[0], {
    type: 'urn:execd:error:too_many_open_requests',
    detail: /^User "alice" has 6 requests under way .* 12 connections \(EXECUTION_MAX_CONNECTIONS\)/,
  });
  const { port } = new URL(s.url);
  const silent: Socket[] = [];
  for (let i = 0; i < 30; i++) {
    const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined);
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    silent.push(socket);
    if (i % 10 === 9)
      t.equal((await rawRequest(s.url, { path: '/health', headers: { connection: 'close' } })).status, 200);
  }
  await until(
    'silent ones gave way',
    () => silent.filter(({ destroyed, readableEnded }) => destroyed || readableEnded).length >= 20,
  );
  // All at once, and a request among them: it has been sent, so it is not taken for silent.
  for (let i = 0; i < 40; i++) {
    const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined);
    t.teardown(() => socket.destroy());
    if (i % 10 !== 0) continue;
    const asked = rawRequest(s.url, { path: '/livez', headers: { connection: 'close' } });
    t.equal((await asked).status, 200, 'also in a burst');
  }
  const stop = await rawRequest(s.url, {
    ...{
      method: 'POST',
      path: `${path}/cancel`,
      headers: { ...bearer('alice'), 'content-type': 'application/json', connection: 'close' },
    },
    body: '{}',
  });
  t.equal(stop.status, 202, 'what is short finds room beside what waits');
  t.same((await Promise.all(polls)).filter((status) => status === 200).length, 6, 'no poll was cut');
});
