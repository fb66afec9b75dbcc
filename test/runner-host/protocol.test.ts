import fc from 'fast-check';
import t from 'tap';
import {
  Decoder,
  encode,
  END_CAUSES,
  type Frame,
  LIMITS,
  ProtocolError,
  START_FAILURES,
  STOP_SCOPES,
  STOP_SIGNALS,
  TIERS,
} from '../../src/runner-host/protocol.ts';
import { raw, readReply } from '../helpers/raw-frames.ts';
import { rounds } from '../helpers/rounds.ts';

const text = fc.string({ unit: 'binary', maxLength: 200 });
const bytes = fc.uint8Array({ maxLength: 3000 }).map((array) => Buffer.from(array));
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const size = fc.maxSafeInteger().map(Math.abs);
const limit = fc.integer({ min: -1 });
const lines = fc.array(text, { maxLength: 5 });

const anyFrame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    ...{ instance: text, scratchDir: text, firstUid: u32, uidCount: u32, bwrap: text, hidden: lines },
    openFiles: u32,
  }),
  fc.record({
    type: fc.constant('start' as const),
    ref: u32,
    marker: text,
    isolation: fc.constantFrom(...TIERS),
    hasNetwork: fc.boolean(),
    journal: text,
    program: text,
    args: lines,
    env: lines,
    cwd: text,
    privateDir: text,
    script: fc.option(fc.record({ path: text, source: text })),
    scriptFile: text,
    stdin: fc.option(bytes),
    keepBytes: size,
    failOnLimit: fc.boolean(),
    attemptMs: size,
    idleMs: size,
    graceMs: u32,
    stopSignal: fc.constantFrom(...STOP_SIGNALS),
    stopScope: fc.constantFrom(...STOP_SCOPES),
    redact: fc.array(bytes),
    owner: text,
    scalars: fc.array(size),
    root: text,
    layerBytes: size,
    proxy: text,
    limits: fc.option(
      fc.record({
        cpuS: limit,
        memoryBytes: limit,
        processes: limit,
        fileBytes: limit,
        openFiles: limit,
        diskBytes: limit,
      }),
    ),
  }),
  fc.record({
    type: fc.constant('stop' as const),
    ref: u32,
    cause: fc.constantFrom('cancelled' as const),
    graceMs: u32,
  }),
  fc.record({ type: fc.constant('deadline' as const), ref: u32, attemptMs: size, idleMs: size }),
  fc.record({ type: fc.constant('sweep' as const), id: u32, markers: lines, paths: lines }),
  fc.record({ type: fc.constant('hide' as const), hidden: lines }),
  fc.record({ type: fc.constant('deadline_set' as const), ref: u32, isInForce: fc.boolean() }),
  fc.record({ type: fc.constant('started' as const), ref: u32, pid: u32, at: size }),
  fc.record({
    type: fc.constant('start_failed' as const),
    ref: u32,
    reason: fc.constantFrom(...START_FAILURES),
    message: text,
  }),
  fc.record({
    type: fc.constant('exited' as const),
    ref: u32,
    cause: fc.constantFrom(...END_CAUSES),
    isStarted: fc.boolean(),
    exitCode: fc.integer({ min: -1, max: 255 }),
    signal: text,
    forced: fc.boolean(),
    leftovers: u32,
    survivors: u32,
    startedAt: size,
    endedAt: size,
    stdoutBytes: size,
    stderrBytes: size,
    stdoutKept: size,
    stderrKept: size,
    records: u32,
    cpuMs: fc.integer({ min: -1 }),
    maxRssBytes: fc.integer({ min: -1 }),
    stdoutTail: bytes,
    stderrTail: bytes,
    message: text,
    limit: fc.option(fc.constantFrom(...LIMITS)),
    signals: fc.array(fc.record({ signal: text, at: size }), { maxLength: 4 }),
    found: u32,
    outputLost: fc.boolean(),
  }),
);

t.test('frames survive the way there, in whatever pieces they come', async (t) => {
  fc.assert(
    fc.property(
      fc.array(anyFrame, { maxLength: 6 }),
      fc.integer({ min: 1, max: 5000 }),
      (frames, pieceSize) => {
        const wire = Buffer.concat(frames.map(encode));
        const decoder = new Decoder();
        const decoded: Frame[] = [];
        for (let at = 0; at < wire.length; at += pieceSize)
          decoded.push(...decoder.push(wire.subarray(at, at + pieceSize)));
        t.same(decoded, frames, { diagnostic: false });
      },
    ),
    { numRuns: rounds(20) },
  );
});

t.test('the frames are those of the description, written down twice', async (t) => {
  const start = {
    ref: 7,
    marker: 'EXECD_RUN=i/r/1',
    isolation: 'sandbox' as const,
    hasNetwork: true,
    journal: '/j',
    program: 'é',
    args: ['a', ''],
    env: ['A=b'],
    cwd: '',
    privateDir: '/p',
    script: { path: '/s', source: '#!' },
    scriptFile: '/f',
    stdin: Buffer.from([0, 255]),
    keepBytes: 2 ** 40,
    failOnLimit: true,
    attemptMs: 1,
    idleMs: 2,
    graceMs: 3,
    stopSignal: 'SIGUSR2' as const,
    stopScope: 'main' as const,
    redact: [Buffer.from('secret'), Buffer.from([0, 255])],
    limits: { cpuS: 1, memoryBytes: 2 ** 40, processes: 3, fileBytes: 0, openFiles: 5, diskBytes: -1 },
    owner: 'u',
    scalars: [1, -1],
    root: '/r',
    layerBytes: 5,
    proxy: '/p',
  };
  t.ok(encode({ type: 'start', ...start }).equals(raw.start(start)));
  t.ok(encode({ type: 'start', ...start, limits: null }).equals(raw.start({ ...start, limits: undefined })));
  const tiers = { firstUid: 20_000, uidCount: 3, bwrap: '/b', hidden: ['/h', ''], openFiles: 9 };
  t.ok(
    encode({ type: 'hello', instance: 'i', scratchDir: '/s', ...tiers }).equals(raw.hello('i', '/s', tiers)),
  );
  t.ok(encode({ type: 'stop', ref: 1, cause: 'shutdown', graceMs: 9 }).equals(raw.stop(1, 'shutdown', 9)));
  t.ok(encode({ type: 'deadline', ref: 1, attemptMs: 2, idleMs: 3 }).equals(raw.deadline(1, 2, 3)));
  t.ok(encode({ type: 'sweep', id: 1, markers: ['m'], paths: ['p'] }).equals(raw.sweep(1, ['m'], ['p'])));
  t.ok(encode({ type: 'hide', hidden: ['/a', '/b'] }).equals(raw.hide(['/a', '/b'])));
  for (const frame of fc.sample(anyFrame, 50)) {
    if (frame.type !== 'started' && frame.type !== 'start_failed' && frame.type !== 'exited') continue;
    t.same(readReply(encode(frame).subarray(4)), frame, { diagnostic: false });
  }
});

t.test('no noise makes it do anything but refuse', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
      try {
        new Decoder().push(Buffer.from(noise));
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }),
    { numRuns: rounds(300) },
  );
  t.throws(() => new Decoder().push(Buffer.from([0xff, 0xff, 0xff, 0xff])), ProtocolError);
  t.throws(() => new Decoder().push(Buffer.from([0, 0, 0, 1, 1])), ProtocolError);
});

t.test('a flipped byte is refused or read as another frame, never as a broken one', async (t) => {
  fc.assert(
    fc.property(anyFrame, fc.nat(), fc.integer({ min: 1, max: 255 }), (frame, where, flip) => {
      const wire = encode(frame);
      const at = where % wire.length;
      wire[at] = (wire[at] as number) ^ flip;
      try {
        for (const read of new Decoder().push(wire)) encode(read);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }),
    { numRuns: rounds(200) },
  );
  t.pass();
});
