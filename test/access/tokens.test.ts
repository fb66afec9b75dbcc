// Tokens while the identity provider is away.
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import t from 'tap';
import { tokenReader } from '../../src/access/tokens.ts';
import { fakeClock } from '../helpers/clock.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

async function keyPair(kid: string) {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' } };
}

t.test('an outage of the identity provider for an hour leaves good keys good', async (t) => {
  const clock = fakeClock();
  // The key set of jose has the time from there.
  t.intercept(Date, 'now', { value: () => clock.now() });
  const [one, two] = [await keyPair('one'), await keyPair('two')];
  const published = { keys: [one.jwk] };
  const warnings: string[] = [];
  let asked = 0;
  let answer: () => Response = () => Response.json(published);
  const read = tokenReader({
    ...{ issuer: 'https://id', audience: 'execd', jwks: new URL('https://id/keys'), clock },
    ...{ userClaim: 'sub', scopesClaim: 'scope' },
    fetch: async () => {
      asked += 1;
      return answer();
    },
    log: {
      ...{ debug: () => 0, info: () => 0, error: () => 0 },
      warn: (_facts, message) => void warnings.push(message),
    },
  });
  const ask = async ({ kid, privateKey }: typeof one) => {
    const exp = Math.floor(clock.now() / 1000) + 600;
    const token = new SignJWT({ iss: 'https://id', aud: 'execd', sub: 'ann', exp });
    const caller = await read(await token.setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey));
    return 'userId' in caller ? caller.userId : caller.type;
  };

  answer = () => new Response('', { status: 500 });
  for (let i = 0; i < 10; i++) t.equal(await ask(one), 'identity_unavailable');
  t.equal(asked, 3, 'without any keys the provider is asked by probes only');
  await clock.advance(1000);
  answer = () => Response.json(published);
  t.equal(await ask(one), 'ann');

  const ways: (() => Response)[] = [
    () => new Response('', { status: 503 }),
    () => new Response('<html>', { status: 200 }),
    () => Response.json({ error: 'maintenance' }),
    () => {
      throw new Error('connect ECONNREFUSED');
    },
  ];
  for (let i = 0; i < 12; i++) {
    answer = ways[i % ways.length] as () => Response;
    await clock.advance(10 * MINUTE + 1000);
    t.equal(await ask(one), 'ann', `after ${10 * (i + 1)} minutes`);
  }
  await clock.advance(MINUTE);
  t.equal(await ask(two), 'identity_unavailable', 'a key that may be new is no fault of its token');
  t.match(warnings, Array<string>(warnings.length).fill('Cannot read the keys of the identity provider'));

  published.keys.push(two.jwk);
  answer = () => Response.json(published);
  await clock.advance(MINUTE);
  t.equal(await ask(two), 'ann', 'the new keys are found when it is back');
  t.equal(await ask({ ...two, kid: 'three' }), 'unauthorized');

  answer = () => new Response('', { status: 500 });
  for (let i = 0; i < 2; i++) {
    await clock.advance(12 * HOUR + MINUTE);
    t.equal(await ask(one), i === 0 ? 'ann' : 'identity_unavailable', 'but not for ever');
  }
});

t.test('a provider that does not answer in time is one that is away', async (t) => {
  const clock = fakeClock();
  const timers: (() => void)[] = [];
  t.intercept(globalThis, 'setTimeout', {
    value: (fn: () => void) => {
      timers.push(fn);
      return {};
    },
  });
  const read = tokenReader({
    ...{ issuer: 'https://id', audience: 'execd', jwks: new URL('https://id/keys'), clock },
    ...{ userClaim: 'sub', scopesClaim: 'scope' },
    fetch: () => new Promise(() => undefined),
    log: { debug: () => 0, info: () => 0, warn: () => 0, error: () => 0 },
  });
  const { kid, privateKey } = await keyPair('one');
  const token = await new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey);
  const answer = read(token);
  while (timers.length === 0) await new Promise(setImmediate);
  for (const fire of timers) fire();
  t.match(await answer, { type: 'identity_unavailable' });
});
