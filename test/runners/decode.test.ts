// Answers that are packed: the log has what they say.
import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import t, { type Test } from 'tap';
import { pattern } from '../../src/journal/redactor.ts';
import { encodingOf } from '../../src/runners/requests/body-decoder.ts';
import {
  type Asked,
  bodyArrived,
  failureOf,
  httpServer,
  httpWorld,
  rawServer,
} from '../helpers/http-world.ts';

/** A server whose answer is packed, and who asks for it. */
async function packed(t: Test, encoding: string | string[], body: Buffer, status = 200) {
  const origin = await httpServer(t, (_request, response) => {
    response.setHeader('content-encoding', encoding);
    response.writeHead(status);
    for (let at = 0; at < body.length; at += 10_007) response.write(body.subarray(at, at + 10_007));
    response.end();
  });
  const world = httpWorld(t);
  const get = async (more: Asked = {}) => {
    const { start, report } = world.ask(origin, more);
    return { ...(await report), log: await world.log(start) };
  };
  return { get, world };
}

const text = Buffer.from(Array.from({ length: 40_000 }, (_, i) => `line ${i} €\n`).join(''));

t.test('encodings are undone, whatever the server calls them', async (t) => {
  const two = Buffer.concat([gzipSync(text.subarray(0, 1000)), gzipSync(text.subarray(1000))]);
  const cases: [encoding: string | string[], body: Buffer][] = [
    ['gzip', gzipSync(text)],
    ['X-GZip', gzipSync(text)],
    ['gzip', two],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['br', brotliCompressSync(text)],
    ['zstd', zstdCompressSync(text)],
    ['identity, gzip', gzipSync(text)],
    [['identity', 'BR '], brotliCompressSync(text)],
    ['identity', text],
    ['', text],
  ];
  for (const [encoding, body] of cases) {
    const { get, world } = await packed(t, encoding, body);
    const { log, outcome, end, response } = await get();
    const name = encoding.toString();
    t.match(outcome, { cause: 'http_response', status: 200 }, name);
    t.ok(log?.equals(text), name);
    t.match(end, { output: { stdoutBytes: text.length, truncated: false }, logComplete: true }, name);
    t.type(response?.headers['content-encoding'], 'string', 'headers are those of the answer');
    t.equal(world.clock.waiting, 0);
  }
});

t.test('what cannot be undone stays as it came, and the headers say so', async (t) => {
  for (const [encoding, status] of [
    ['compress', 200],
    ['gzip, br', 200],
    ['constructor', 200],
    ['gzip', 206],
  ] as const) {
    t.equal(encodingOf({ status, headers: { 'content-encoding': encoding } }), null, encoding);
  }
  t.equal(encodingOf({ status: 200, headers: {} }), null);
  const { get } = await packed(t, 'compress', text);
  t.ok((await get()).log?.equals(text));
});

t.test('an answer without content is not packed, whatever it says', async (t) => {
  for (const status of [200, 204, 304]) {
    const { get } = await packed(t, 'gzip', Buffer.alloc(0), status);
    t.match(await get(), {
      outcome: { cause: 'http_response', status },
      end: { output: { stdoutBytes: 0 } },
    });
  }
  const { get } = await packed(t, 'gzip', Buffer.alloc(0));
  t.match(await get({ method: 'HEAD' }), { outcome: { cause: 'http_response', status: 200 } });
});

t.test('what is broken is an answer that cannot be read, and names its encoding', async (t) => {
  const cases: [encoding: string, body: Buffer, message: RegExp][] = [
    ['gzip', text, /cannot be decoded as gzip: incorrect header check/],
    ['gzip', gzipSync(text).subarray(0, -9), /decoded as gzip: unexpected end of file/],
    ['br', Buffer.concat([Buffer.alloc(9, 0xff), text]), /decoded as br/],
    ['zstd', text, /decoded as zstd/],
    // Such a window takes 128 MiB; 8 MiB are what HTTP allows.
    ['zstd', Buffer.from('28b52ffd008809000078', 'hex'), /decoded as zstd/],
  ];
  for (const [encoding, body, message] of cases) {
    const { get, world } = await packed(t, encoding, body);
    const report = await get();
    t.match(failureOf(report), { reason: 'invalid_response', message });
    t.match(report.response, { status: 200 }, 'the head was received all the same');
    t.equal(world.clock.waiting, 0);
  }
});

t.test('a small body that would unpack to a large one is unpacked as far as it is kept', async (t) => {
  const large = Buffer.alloc(200_000_000, 'x');
  for (const [encoding, body] of [
    ['gzip', gzipSync(large)],
    ['br', brotliCompressSync(large, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })],
    ['zstd', zstdCompressSync(large)],
  ] as const) {
    const { get } = await packed(t, encoding, body);
    const cut = await get({ keepBytes: 100_000 });
    t.match(cut.outcome, { cause: 'http_response', status: 200 }, encoding);
    t.match(cut.end, { output: { stdoutKeptBytes: 100_000, truncated: true }, logComplete: true });
    t.ok(cut.end.output.stdoutBytes < 1_000_000, `${encoding}: ${cut.end.output.stdoutBytes}`);
    t.match((await get({ keepBytes: 100_000, failOnLimit: true })).outcome, { cause: 'output_limit' });
  }
});

t.test('secrets are found in what was packed', async (t) => {
  const { get } = await packed(t, 'gzip', gzipSync('a secret word'));
  t.equal(
    (await get({ redact: [pattern('exact', Buffer.from('secret'))] })).log?.toString(),
    'a [redacted] word',
  );
});

t.test('a stop ends what is being unpacked', async (t) => {
  const origin = await rawServer(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-encoding: br\r\n\r\n');
    socket.write(brotliCompressSync(text).subarray(0, 500));
  });
  const { ask, clock } = httpWorld(t);
  const { report, stop } = ask(origin);
  await bodyArrived(clock);
  stop({ cause: 'cancelled', reason: null });
  t.match(await report, { outcome: { cause: 'cancelled' } });
  t.equal(clock.waiting, 0);
});
