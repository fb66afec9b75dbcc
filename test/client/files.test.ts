// Files through the client: whole and in parts, over connections that are cut, and with bytes that were changed on their way.
import { createHash } from 'node:crypto';
import t from 'tap';
import { newSha256 } from '../../src/client/digest.ts';
import { connect, DigestMismatchError, ExecdError, type Execd } from '../../src/client/index.ts';
import { sharedService } from '../helpers/build.ts';
import { cuttingProxy, noWaits } from '../helpers/cutting-proxy.ts';
import { httpServer } from '../helpers/http-world.ts';

const MIB = 1024 * 1024;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
/** Bytes of which no part is like another. */
function bytesOf(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = i * 31 + (i >> 8) * 7 + (i >> 16);
  return bytes;
}

async function* piecesOf(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  for await (const piece of pieces) found.push(piece);
  return found;
}

/** An execution that has left what a file has. */
async function left(execd: Execd, upload: string): Promise<string> {
  const files = [{ path: 'out/ä %2f.bin', upload }];
  return (await execd.run({ kind: 'exec', program: 'true', files, artifacts: ['out'] })).id;
}

t.test('what is sent in any form arrives, small or in parts, and comes back', async (t) => {
  const execd = connect({ url: (await sharedService(t)).url });
  t.match(await execd.upload(''), { size: 0, complete: true });
  t.match(await execd.upload('tést'), { size: 5, digest: sha256(Buffer.from('tést')) });
  const large = bytesOf(9 * MIB);
  const told: (number | null)[][] = [];
  const onProgress = (...of: [number, number | null]) => told.push(of);
  const blob = await execd.upload(new Blob([large]), { onProgress });
  t.match(blob, { size: large.length, digest: sha256(large), complete: true });
  t.same(told, [
    [8 * MIB, 9 * MIB],
    [9 * MIB, 9 * MIB],
    [9 * MIB, 9 * MIB],
  ]);
  const streamed = await execd.upload(piecesOf(large, 100_000));
  t.match(streamed, { digest: sha256(large) }, 'a stream of unknown size goes in one request');
  t.match(await execd.upload(new Blob([large.subarray(0, 3)]).stream()), { size: 3 });
  t.match(await execd.upload(piecesOf(large, 3_000_000), { size: large.length }), { digest: sha256(large) });
  for (const size of [1, 10 * MIB])
    await t.rejects(execd.upload(piecesOf(large, MIB), { size }), /The data has .* bytes; `size` is/);
  const id = await left(execd, blob.id);
  const [artifact] = await execd.artifacts(id);
  t.match(artifact, { path: 'out/ä %2f.bin', size: large.length, digest: sha256(large) });
  const download = execd.download(id, 'out/ä %2f.bin');
  t.equal(sha256(await download.bytes()), sha256(large));
  t.match(download, { size: large.length, digest: sha256(large) });
  t.equal(sha256(new Uint8Array(await new Response(download.stream()).arrayBuffer())), sha256(large));
  await t.rejects(execd.download(id, 'nothing').bytes(), {
    name: 'NotFoundError',
    message: /has no artifact "nothing"/,
  });
  t.throws(() => execd.download(id, '../../../admin/keys'), ExecdError);
  const stop = new AbortController();
  await t.rejects(
    async () => {
      for await (const _ of execd.download(id, 'out/ä %2f.bin', { signal: stop.signal })) stop.abort();
    },
    { name: 'AbortError' },
  );
});

t.test('uploads and downloads go on where a connection was cut', async (t) => {
  const { url } = await sharedService(t);
  const bytes = bytesOf(9 * MIB);
  const clock = noWaits();
  const up = await cuttingProxy(t, url, { cuts: 6, after: (made) => made * 700_000, of: 'client' });
  const sent = await connect({ url: up.url, clock }).upload(bytes);
  t.match(sent, { digest: sha256(bytes), complete: true });
  t.ok(up.made() > 6, `${up.made()} connections`);
  const id = await left(connect({ url }), sent.id);
  const down = await cuttingProxy(t, url, { cuts: 6, after: () => 1_000_000 });
  const download = connect({ url: down.url, clock }).download(id, 'out/ä %2f.bin');
  const got = Buffer.concat(await all(download));
  t.equal(got.length, bytes.length, 'every byte comes once');
  t.equal(sha256(got), sha256(bytes));
  t.ok(down.made() > 6, `${down.made()} connections`);
});

t.test('bytes that were changed on their way are noticed', async (t) => {
  const digest = sha256(Buffer.from('right'));
  const url = await httpServer(t, (request, response) => {
    request.resume();
    if (request.method === 'POST')
      response
        .writeHead(201, { 'content-type': 'application/json' })
        .end(JSON.stringify({ id: 'x', size: 5, received: 5, complete: true, digest }));
    else response.writeHead(200, { etag: `"${digest}"`, 'content-length': 5 }).end('wrong');
  });
  const execd = connect({ url });
  t.equal((await execd.upload('right')).digest, digest);
  const mismatch = { name: 'DigestMismatchError', actual: digest };
  await t.rejects(execd.upload('wrong'), mismatch);
  const seen: string[] = [];
  await t.rejects(async () => {
    for await (const piece of execd.download('x', 'y')) seen.push(Buffer.from(piece).toString());
  }, DigestMismatchError);
  t.same(seen, ['wrong']);
});

t.test('a platform without SHA-256 of its own has the same digests', async (t) => {
  const [own, native] = [await newSha256({}), await newSha256()];
  for await (const piece of piecesOf(bytesOf(10_000), 777)) {
    own.update(piece);
    native.update(piece);
  }
  t.equal(own.hex(), native.hex());
});
