import type { FastifyRequest } from 'fastify';
import t from 'tap';
import { KnownBodies } from '../../src/http/edge/known-bodies.ts';

const asked = () => ({ smallBody: null }) as unknown as FastifyRequest;

/** Looks for a body, and tells what it was read to, as a route does. */
function see(bodies: KnownBodies, text: string): object | null {
  const request = asked();
  const known = bodies.find(request, Buffer.from(text));
  if (known === null) bodies.learn(request, { text, inner: [{}] });
  return known;
}

t.test('a body is known when it has come twice, byte for byte, and what it says is frozen', async (t) => {
  const bodies = new KnownBodies();
  t.equal(see(bodies, '{"é":1}'), null);
  t.equal(see(bodies, '{"é":1}'), null);
  const known = see(bodies, '{"é":1}') as { inner: object[] };
  t.ok(bodies.has(known));
  t.equal(see(bodies, '{"é":1}'), known, 'the same object');
  t.ok([known, known.inner, known.inner[0]].every(Object.isFrozen));
  t.equal(see(bodies, '{"é": 1}'), null, 'with other white space it is another one');
  t.notOk(bodies.has({ ...known }));
});

t.test('large bodies are never known, and many small ones only as far as there is room', async (t) => {
  const bodies = new KnownBodies();
  const large = `"${'x'.repeat(5000)}"`;
  for (let n = 0; n < 3; n++) t.equal(see(bodies, large), null);
  const texts = Array.from({ length: 1000 }, (_, n) => `{"n":${n},"text":"${'x'.repeat(4000)}"}`);
  for (const text of texts) {
    see(bodies, text);
    see(bodies, text);
  }
  const found = texts.filter((text) => bodies.find(asked(), Buffer.from(text)) !== null);
  t.ok(found.length > 0 && found.length * 4000 < 1024 * 1024, `${found.length} are known`);
  t.equal(found.at(-1), texts.at(-1), 'the newest');
});
