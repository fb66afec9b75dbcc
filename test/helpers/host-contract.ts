// What every runner host must do. The suite speaks raw frames to an executable and looks at files and processes; it shares
// no code with any host. It must be passed before the server trusts a host.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';

import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { type Form, pattern } from '../../src/journal/redactor.ts';
import { hangingDisk } from './hanging-disk.ts';
import { GIVE_UP_MS, isAlive, killSeen, until, withArgument, withEnvironment } from './processes.ts';
import {
  NO_TIERS,
  raw,
  rawFrame,
  type RawExited,
  type RawHello,
  type RawReply,
  type RawStart,
  readReply,
} from './raw-frames.ts';
import { type Lifetime, ofFile } from './scope.ts';
import { pathsBelow, smallDisk, tempDir } from './temp.ts';

const PATH = 'PATH=/usr/local/bin:/usr/bin:/bin';

/** The tier that commands of a test run at, and what the host is told for it. */
export interface TierUnderTest extends RawHello {
  isolation: RawStart['isolation'];
  /** Where there are users, 0 is a range of its own for each host. */
  firstUid: number;
  /** A directory of a test; at the stronger tiers not every one can be reached. */
  makeDir(t: Lifetime): string;
}

export const NO_TIER: TierUnderTest = { ...NO_TIERS, isolation: 'none', makeDir: tempDir };

/** Compiling a host in Node costs twice what its start costs otherwise. */
const COMPILED = {
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(tmpdir(), 'execd-test-compiled'),
};

let uidsGiven = 0;

/** Users that no other test has: what runs as one of them is killed. */
function ownUids(count: number): number {
  uidsGiven += count;
  return 1_000_000 + (process.pid % 10_000) * 100_000 + uidsGiven;
}

type End = Extract<RawReply, { type: 'exited' | 'start_failed' }>;
const isEnd = (reply: RawReply): reply is End => reply.type === 'exited' || reply.type === 'start_failed';

/** A host under test. */
export class Host {
  /** Of the test that uses it. */
  dir: string;
  readonly scratch: string;
  readonly instance: string;
  readonly tier: TierUnderTest;
  readonly #child: ChildProcess;
  readonly #replies: RawReply[] = [];
  #wake: () => void = () => undefined;
  #nextRef = 1;
  /** Attempts whose end has not been reported. */
  readonly #open = new Set<number>();
  readonly #home: string;
  #lent = 0;
  #unread = Buffer.alloc(0);
  #hasHungUp = false;
  exit: { code: number | null; signal: string | null } | null = null;

  constructor(t: Lifetime, command: readonly [string, ...string[]], tier = NO_TIER) {
    this.dir = this.#home = tier.makeDir(t);
    this.scratch = join(this.dir, 'scratch');
    const { uidCount, firstUid } = tier;
    this.tier = uidCount > 0 && firstUid === 0 ? { ...tier, firstUid: ownUids(uidCount) } : tier;
    this.instance = `instance-${Math.random().toString(36).slice(2)}`;
    const [program, ...args] = command;
    this.#child = spawn(program, args, {
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        EXECD_HOST: this.instance,
        SECRET_OF_THE_SERVER: 'hunter2',
        ...COMPILED,
      },
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    this.#child.stdout?.on('data', (piece: Buffer) => this.#take(piece));
    this.#child.stdin?.on('error', () => undefined);
    this.#child.stdout?.once('end', () => (this.#hasHungUp = true));
    this.#child.on('close', (code, signal) => {
      this.exit = { code, signal };
      this.#wake();
    });
    t.teardown(async () => {
      this.#child.kill('SIGKILL');
      await until('the host is gone', () => this.exit !== null);
      killSeen(withEnvironment(this.instance));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Says hello and waits for the answer. */
  async greet(): Promise<this> {
    mkdirSync(this.scratch, { recursive: true });
    this.write(raw.hello(this.instance, this.scratch, this.tier));
    await this.next('ready');
    return this;
  }

  /** Lends a host of many tests to one of them, in a directory of its own. What the test has begun ends with it. */
  lend(t: Test): this {
    this.dir = join(this.#home, `test-${(this.#lent += 1)}`);
    mkdirSync(this.dir, { mode: 0o711 });
    this.#replies.length = 0;
    t.teardown(async () => {
      for (const ref of this.#open) this.write(raw.stop(ref, 'cancelled', 0));
      await until('all attempts of the test have ended', () => this.#open.size === 0 || this.exit !== null);
    });
    return this;
  }

  write(bytes: Buffer): void {
    this.#child.stdin?.write(bytes);
  }

  hangUp(): void {
    this.#child.stdin?.end();
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  marker(ref: number): string {
    return `EXECD_RUN=${this.instance}/run/${ref}`;
  }

  /** The frame that starts a command of bash. */
  frame(command: string, more: Partial<RawStart> = {}): { ref: number; bytes: Buffer } {
    const ref = this.#nextRef++;
    this.#open.add(ref);
    const bytes = raw.start({
      ref,
      marker: this.marker(ref),
      isolation: this.tier.isolation,
      hasNetwork: false,
      journal: this.path(ref),
      program: 'bash',
      args: ['-c', command],
      env: [PATH],
      cwd: '',
      privateDir: join(this.dir, `private-${ref}`),
      script: null,
      stdin: null,
      keepBytes: 1_000_000,
      failOnLimit: false,
      attemptMs: 60_000,
      idleMs: 0,
      graceMs: 2000,
      ...more,
    });
    return { ref, bytes };
  }

  start(command: string, more: Partial<RawStart> = {}): number {
    const { ref, bytes } = this.frame(command, more);
    this.write(bytes);
    return ref;
  }

  async run(command: string, more: Partial<RawStart> = {}): Promise<RawExited> {
    return this.exited(this.start(command, more));
  }

  exited(ref: number): Promise<RawExited> {
    return this.next('exited', (reply) => reply.ref === ref);
  }

  path(ref: number): string {
    return join(this.dir, `journal-${ref}`);
  }

  log(ref: number): string {
    return readFileSync(`${this.path(ref)}.log`, 'latin1');
  }

  /** Waits for the report of an end, or that there was no start. */
  ended(ref: number): Promise<End> {
    return this.#next('end', (reply): reply is End => isEnd(reply) && reply.ref === ref);
  }

  /** Waits for a frame, and takes it out of those that have come. */
  next<T extends RawReply['type']>(
    type: T,
    isIt: (reply: Extract<RawReply, { type: T }>) => boolean = () => true,
  ): Promise<Extract<RawReply, { type: T }>> {
    type Wanted = Extract<RawReply, { type: T }>;
    return this.#next(type, (reply): reply is Wanted => reply.type === type && isIt(reply as Wanted));
  }

  /** How many frames of a type have come that nobody has waited for. */
  left(type: RawReply['type']): number {
    return this.#replies.filter((reply) => reply.type === type).length;
  }

  async #next<Wanted extends RawReply>(
    what: string,
    isIt: (reply: RawReply) => reply is Wanted,
  ): Promise<Wanted> {
    const giveUpAt = Date.now() + GIVE_UP_MS;
    for (;;) {
      const at = this.#replies.findIndex(isIt);
      if (at >= 0) return this.#replies.splice(at, 1)[0] as Wanted;
      if (this.exit !== null)
        throw new Error(`the host ended with ${JSON.stringify(this.exit)} before "${what}"`);
      if (Date.now() > giveUpAt)
        throw new Error(`no "${what}" came; there was ${JSON.stringify(this.#replies)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Waits until the host has closed its output; its process may still wait in the system. */
  hungUp(): Promise<void> {
    return until('the host hangs up', () => this.#hasHungUp);
  }

  async gone(): Promise<{ code: number | null; signal: string | null }> {
    await until('the host ends', () => this.exit !== null);
    return this.exit as { code: number | null; signal: string | null };
  }

  #take(piece: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, piece]);
    while (this.#unread.length >= 4 && this.#unread.length >= 4 + this.#unread.readUInt32BE()) {
      const end = 4 + this.#unread.readUInt32BE();
      const reply = readReply(this.#unread.subarray(4, end));
      if (isEnd(reply)) this.#open.delete(reply.ref);
      this.#replies.push(reply);
      this.#unread = this.#unread.subarray(end);
    }
    this.#wake();
  }
}

/** Reads an index by hand: offset, length, stream, time. */
function readIndex(path: string): { offset: number; length: number; stream: number; time: number }[] {
  const bytes = readFileSync(`${path}.idx`);
  if (bytes.subarray(0, 8).toString('latin1') !== 'EXJIDX1\n')
    throw new Error('the index does not begin as it must');
  const records = [];
  for (let at = 8; at + 24 <= bytes.length; at += 24) {
    records.push({
      offset: Number(bytes.readBigUInt64BE(at)),
      length: bytes.readUInt32BE(at + 8),
      stream: bytes.readUInt8(at + 12),
      time: Number(bytes.readBigInt64BE(at + 16)),
    });
  }
  return records;
}

/** Tells the processes of a test from all others, as an argument of theirs. */
const token = () => String(Math.random()).slice(2, 12);

interface RedactionCase {
  form: Form;
  patterns: string[];
  pieces: string[];
  output: string;
}

export function hostContract(t: Test, command: readonly [string, ...string[]], tier = NO_TIER): void {
  let shared: Promise<Host> | null = null;
  const greeted: Greeted = async (t, more) => {
    if (more !== undefined) return new Host(t, command, { ...tier, ...more }).greet();
    if (shared === null || (await shared).exit !== null) shared = new Host(ofFile(), command, tier).greet();
    return (await shared).lend(t);
  };
  results(t, greeted);
  journal(t, greeted);
  environment(t, greeted);
  failures(t, greeted);
  leftBehind(t, greeted);
  clocks(t, greeted);
  limits(t, greeted);
  stops(t, greeted);
  stopChoices(t, greeted);
  trees(t, greeted);
  drains(t, greeted);
  disks(t, greeted);
  endings(t, greeted, command);
  live(t, greeted);
  leases(t, greeted);
}

/** The host that the tests share; one of its own for a test that says what is to be different, or that ends it. */
type Greeted = (t: Test, more?: Partial<RawHello>) => Promise<Host>;
const OWN: Partial<RawHello> = {};

function results(t: Test, greeted: Greeted): void {
  t.test('a command ends with its exit code, its output and its times', async (t) => {
    const host = await greeted(t);
    const before = Date.now();
    const ref = host.start('echo out; echo err >&2; exit 7');
    const started = await host.next('started');
    const end = await host.exited(ref);
    t.match(end, { cause: 'exited', isStarted: true, exitCode: 7, signal: '', forced: false, survivors: 0 });
    t.match(end, { stdoutBytes: 4, stderrBytes: 4, stdoutKept: 4, stderrKept: 4 });
    t.equal(end.stdoutTail.toString(), 'out\n');
    t.equal(end.stderrTail.toString(), 'err\n');
    t.ok(started.at >= before && started.at <= end.endedAt && end.endedAt <= Date.now());
    t.equal(end.startedAt, started.at);
    t.ok(started.pid > 1);
  });

  t.test('a command that a signal ends is reported with the name of the signal', async (t) => {
    const host = await greeted(t);
    t.match(await host.run('kill -SEGV $$'), { cause: 'signalled', exitCode: -1, signal: 'SIGSEGV' });
  });

  t.test('what a command has used is told, or that it cannot be', async (t) => {
    const host = await greeted(t);
    const busy = 'i=0; while [ $i -lt 40000 ]; do i=$((i+1)); done';
    const { cpuMs, maxRssBytes } = await host.run(`(${busy}); true`);
    t.ok(cpuMs === -1 ? maxRssBytes === -1 : cpuMs > 20 && maxRssBytes > 500_000, `${cpuMs} ${maxRssBytes}`);
  });

  t.test('many at a time end each with its own result', async (t) => {
    const host = await greeted(t);
    const refs = Array.from({ length: 24 }, (_, i) => [i, host.start(`echo ${i}; exit ${i}`)] as const);
    for (const [i, ref] of refs) {
      const end = await host.exited(ref);
      t.equal(end.exitCode, i);
      t.equal(host.log(ref), `${i}\n`);
    }
  });

  t.test('a ping is answered at once, also while commands run', async (t) => {
    const host = await greeted(t);
    const ref = host.start('echo up; exec sleep 100');
    await host.next('growth');
    for (const id of [7, 4_294_967_295]) {
      host.write(raw.ping(id));
      t.match(await host.next('pong'), { id });
    }
    host.write(raw.stop(ref, 'cancelled', 1000));
    await host.exited(ref);
  });

  t.test('growth is told while the command runs, and never more often than every 50 ms', async (t) => {
    const host = await greeted(t);
    const ref = host.start('for i in $(seq 25); do echo x; sleep 0.02; done');
    const first = await host.next('growth');
    t.equal(first.ref, ref);
    const end = await host.exited(ref);
    const count = 1 + host.left('growth');
    t.ok(count <= (end.endedAt - end.startedAt) / 50 + 2, `${count} in ${end.endedAt - end.startedAt} ms`);
  });
}

function journal(t: Test, greeted: Greeted): void {
  t.test('the journal holds every byte of both streams, and its index says which is which', async (t) => {
    const host = await greeted(t);
    const ref = host.start('for i in $(seq 200); do echo out-$i; echo err-$i >&2; done');
    const end = await host.exited(ref);
    const log = host.log(ref);
    const records = readIndex(host.path(ref));
    t.equal(records.length, end.records);
    const streams = { 1: '', 2: '' };
    let offset = 0;
    for (const record of records) {
      t.equal(record.offset, offset, 'records follow one another without a gap');
      streams[record.stream as 1 | 2] += log.slice(offset, offset + record.length);
      offset += record.length;
      t.ok(record.time >= end.startedAt && record.time <= end.endedAt + 1000);
    }
    t.equal(offset, log.length);
    const lines = (name: string) => Array.from({ length: 200 }, (_, i) => `${name}-${i + 1}\n`).join('');
    t.equal(streams[1], lines('out'));
    t.equal(streams[2], lines('err'));
  });

  t.test('bytes are kept as they are: NUL, invalid UTF-8, no newline at the end', async (t) => {
    const host = await greeted(t);
    const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const file = join(host.dir, 'all-bytes');
    writeFileSync(file, Buffer.concat(Array(100).fill(all) as Buffer[]));
    const ref = host.start(`cat ${file}`);
    const end = await host.exited(ref);
    t.equal(end.stdoutBytes, 25_600);
    t.ok(readFileSync(`${host.path(ref)}.log`).equals(readFileSync(file)));
  });

  t.test('a character that comes in two pieces is one piece in the journal', async (t) => {
    const host = await greeted(t);
    const go = (n: number) => join(host.dir, `go-${n}`);
    const waits = (n: number) => `until [ -e ${go(n)} ]; do sleep 0.02; done`;
    const ref = host.start(`printf 'a\\303'; ${waits(1)}; printf '\\251b'; ${waits(2)}; printf '\\360\\237'`);
    for (const n of [1, 2]) {
      await host.next('growth');
      writeFileSync(go(n), '');
    }
    await host.exited(ref);
    const log = host.log(ref);
    const pieces = readIndex(host.path(ref)).map(({ offset, length }) => log.slice(offset, offset + length));
    t.equal(pieces.join(''), 'a\xc3\xa9b\xf0\x9f', 'what is never finished is kept too');
    t.same(pieces.slice(0, 2), ['a', '\xc3\xa9b']);
  });

  t.test('output over the limit is counted but not kept, and its end is still told', async (t) => {
    const host = await greeted(t);
    const ref = host.start('head -c 300000 /dev/zero | tr "\\0" x; echo the end', { keepBytes: 1000 });
    const end = await host.exited(ref);
    t.match(end, { cause: 'exited', exitCode: 0, stdoutBytes: 300_008, stdoutKept: 1000 });
    t.equal(host.log(ref), 'x'.repeat(1000));
    t.equal(end.stdoutTail.length, 4096);
    t.ok(end.stdoutTail.toString().endsWith('xxthe end\n'));
  });

  t.test(
    'what is to be taken out is in no output, whatever pieces it comes in, and the rest is',
    async (t) => {
      const host = await greeted(t);
      const redact = ['s3cr3t-value', 'value-and-more', 'aaaaaa'].map((text) =>
        pattern('exact', Buffer.from(text)),
      );
      const command = `printf 'a s3cr'; sleep 0.05; printf '3t-val'; printf 's3cr3t-v' >&2; sleep 0.05; printf 'ue b s3cr3t-value-and-more c '
      printf 'aaaaaaaaaaaaaa'; sleep 0.05; printf 'aaaaaaa s3cr3t-valu'; printf 'alue' >&2`;
      const ref = host.start(command, { redact });
      const end = await host.exited(ref);
      const stdout = 'a [redacted] b [redacted] c [redacted] s3cr3t-valu';
      t.equal(end.stdoutTail.toString(), stdout);
      t.equal(end.stderrTail.toString(), '[redacted]');
      t.equal(end.stdoutBytes, stdout.length, 'what is counted is what is there');
      t.equal(end.stdoutKept, stdout.length);
      const log = readFileSync(`${host.path(ref)}.log`, 'latin1');
      t.notMatch(log, /s3cr3t-value|3t-value/);
      t.equal(log.length, stdout.length + '[redacted]'.length);
    },
  );

  t.test('the golden cases of redaction come out as they stand there', async (t) => {
    const host = await greeted(t);
    const cases = JSON.parse(readFileSync('test/fixtures/redaction.json', 'utf8')) as RedactionCase[];
    const ends = cases.map(async ({ form, patterns, pieces, output }) => {
      const script = pieces
        .map((piece) => `printf %s '${piece.replaceAll("'", "'\\''")}'`)
        .join('; sleep 0.02; ');
      const ref = host.start(script, {
        redact: ['', ...patterns].map((text) => pattern(form, Buffer.from(text))),
      });
      await host.exited(ref);
      t.equal(readFileSync(`${host.path(ref)}.log`, 'utf8'), output, JSON.stringify(pieces));
    });
    await Promise.all(ends);
  });

  t.test('a long secret beside much output is redacted, and nothing is lost', async (t) => {
    const host = await greeted(t);
    const secret = Array.from({ length: 3000 }, (_, i) => i.toString(36)).join('');
    const file = join(host.dir, 'secret');
    writeFileSync(file, secret);
    const command = `for i in $(seq 10); do head -c 60000 /dev/zero | tr '\\0' x; head -c 5000 ${file}; echo; cat ${file}; echo; done`;
    const ref = host.start(command, {
      redact: [pattern('exact', Buffer.from(secret))],
      keepBytes: 100_000_000,
    });
    const end = await host.exited(ref);
    const expected = `${'x'.repeat(60_000)}${secret.slice(0, 5000)}\n[redacted]\n`.repeat(10);
    t.ok(
      readFileSync(`${host.path(ref)}.log`, 'latin1') === expected,
      `${end.stdoutBytes} of ${expected.length}`,
    );
  });

  t.test('much output is redacted whole, and keeps its order', async (t) => {
    const host = await greeted(t);
    const command = `for i in $(seq 5000); do echo "$i the-secret-$((i % 7))"; done`;
    const ref = host.start(command, { redact: [pattern('text', Buffer.from('the-secret-3'))] });
    await host.exited(ref);
    const lines = readFileSync(`${host.path(ref)}.log`, 'latin1')
      .trimEnd()
      .split('\n');
    const expected = Array.from({ length: 5000 }, (_, i) => `${i + 1} the-secret-${(i + 1) % 7}`);
    t.ok(
      lines.every((line, i) => line === expected[i]?.replace('the-secret-3', '[redacted]')),
      `${lines.length} lines`,
    );
  });

  t.test('where output over the limit is to fail, the command is ended by it', async (t) => {
    const host = await greeted(t);
    const ref = host.start('yes', { keepBytes: 5000, failOnLimit: true });
    const end = await host.exited(ref);
    t.match(end, { cause: 'output_limit', stdoutKept: 5000, survivors: 0 });
    t.equal(host.log(ref).length, 5000);
    t.match(await host.run('printf 12345', { keepBytes: 5, failOnLimit: true }), {
      cause: 'exited',
      stdoutKept: 5,
    });
  });

  t.test(
    'a journal that is there already is never written: the same attempt does not run twice',
    async (t) => {
      const host = await greeted(t);
      const { ref, bytes } = host.frame('touch ran-twice; echo new');
      writeFileSync(`${host.path(ref)}.log`, 'old');
      host.write(bytes);
      t.match(await host.next('start_failed'), { ref, reason: 'journal_write_failed' });
      t.equal(host.log(ref), 'old');
      t.same(findFiles(host.dir, 'ran-twice'), []);
    },
  );

  t.test('the journal is there before the command is: its absence proves that nothing has run', async (t) => {
    const host = await greeted(t);
    const journal = join(host.dir, 'its-journal');
    const end = await host.run(`test -e ${journal}.log && echo there`, { journal });
    t.equal(end.stdoutTail.toString(), 'there\n');
  });
}

const findFiles = (dir: string, name: string) => pathsBelow(dir).filter((path) => path.endsWith(name));

function environment(t: Test, greeted: Greeted): void {
  t.test('the command sees the environment it was given, the marker, and nothing else', async (t) => {
    const host = await greeted(t);
    // Who runs as a user of its own is told its name.
    const { isolation, uidCount } = host.tier;
    const isOwn =
      isolation === 'uid' || (isolation === 'sandbox' && (uidCount > 0 || process.getuid?.() === 0));
    const names = isOwn ? [] : ['USER=x', 'LOGNAME=x'];
    const env = [PATH, 'A=b=c', 'EMPTY=', ...names];
    const ref = host.start('', { program: '/usr/bin/env', args: [], env });
    const end = await host.exited(ref);
    t.same(
      end.stdoutTail
        .toString()
        .trim()
        .split('\n')
        .filter((line) => !isOwn || !/^(USER|LOGNAME)=(\d+|nobody)$/.test(line))
        .sort(),
      [...env, host.marker(ref)].sort(),
    );
    if (!isOwn) return;
    const own = await host.run('echo "$USER $LOGNAME"; id -u', { env: [PATH, 'LOGNAME=mine'] });
    t.match(
      own.stdoutTail.toString(),
      /^((\d+) mine\n\2|nobody mine\n65534)\n$/,
      'but for what its environment says',
    );
  });

  t.test('it has no descriptors but its three, and they are pipes that can be opened by name', async (t) => {
    const host = await greeted(t);
    const end = await host.run(
      'ls /proc/self/fd | wc -l; echo x > /dev/stderr; echo y > /dev/stdout; stat -Lc %F /dev/fd/1',
    );
    // ls has a fourth: the directory that it reads.
    t.equal(end.stdoutTail.toString(), '4\ny\nfifo\n');
    t.equal(end.stderrTail.toString(), 'x\n');
  });

  t.test('earlier output does not vanish when a script truncates its own output', async (t) => {
    const host = await greeted(t);
    const end = await host.run('echo first; echo second > /dev/stdout; echo third');
    t.equal(end.stdoutTail.toString(), 'first\nsecond\nthird\n');
  });

  t.test('without input, reading ends at once', async (t) => {
    const host = await greeted(t);
    t.match(await host.run('cat; echo $?'), { stdoutBytes: 2 });
  });

  t.test('input arrives whole, and one that nobody reads blocks nobody', async (t) => {
    const host = await greeted(t);
    const stdin = Buffer.alloc(1_000_000, 'input\0\xff');
    const sum = createHash('sha256').update(stdin).digest('hex');
    for (const how of ['cat', 'cat /dev/stdin', 'head -c 1000000 <&0']) {
      const end = await host.run(`${how} | sha256sum | cut -c1-64`, { stdin });
      t.equal(end.stdoutTail.toString(), `${sum}\n`, how);
    }
    t.match(await host.run('exit 4', { stdin }), { exitCode: 4 });
  });

  t.test('it runs in the directory it was given, or in a private one that is gone afterwards', async (t) => {
    const host = await greeted(t);
    mkdirSync(join(host.dir, 'given'));
    t.equal(
      (await host.run('pwd', { cwd: join(host.dir, 'given') })).stdoutTail.toString(),
      `${host.dir}/given\n`,
    );
    const ref = host.start('pwd; stat -c %a .; mkdir -p a/b; touch a/b/c; chmod 0 a; ln -s / link');
    const end = await host.exited(ref);
    const dir = join(host.dir, `private-${ref}`);
    t.equal(end.stdoutTail.toString(), `${dir}\n700\n`);
    await until('the private directory is gone', () => !existsSync(dir));
    t.ok(existsSync('/etc/passwd'), 'links are not followed');
  });

  t.test('one command does not find what another one has left, also when nothing was left', async (t) => {
    const host = await greeted(t);
    for (const command of ['true', 'touch mine', 'chmod 777 .', 'true']) await host.run(command);
    const end = await host.run('ls -A | wc -l; stat -c %a .');
    t.equal(end.stdoutTail.toString(), '0\n700\n');
    await until('no private directory stays', () =>
      findFiles(host.dir, '').every((path) => !path.startsWith('private-')),
    );
  });

  t.test('an inline script is a file of its own, runnable, and gone afterwards', async (t) => {
    const host = await greeted(t);
    const path = join(host.dir, 'the.script');
    const source = '#!/bin/bash\necho "$0 $1"; ls -A | wc -l';
    const end = await host.run('', { program: path, args: ['arg'], script: { path, source } });
    t.equal(end.stdoutTail.toString(), `${path} arg\n0\n`);
    await until('the script is gone', () => !existsSync(path));
  });

  t.test('commands start with the soft limit of open files that the server names', async (t) => {
    const limitsOf = async (host: Host, more: Partial<RawStart> = {}) =>
      (await host.run('ulimit -Sn; ulimit -Hn', more)).stdoutTail.toString();
    const [, hard = ''] = (await limitsOf(await greeted(t))).split('\n');
    const host = await greeted(t, { openFiles: 300 });
    t.equal(await limitsOf(host), `300\n${hard}\n`);
    t.equal(
      await limitsOf(host, { limits: { openFiles: 400 } }),
      '400\n400\n',
      'a limit of its own goes first',
    );
    t.equal(await limitsOf(await greeted(t, { openFiles: 2 ** 31 })), `${hard}\n${hard}\n`);
    // Without arguments nice(1) says how far it gives way.
    const own = getPriority();
    for (const scalars of [[], [-1], [0], [7], [19]]) {
      const nice = Number((await host.run('nice', { scalars })).stdoutTail.toString());
      t.equal(nice, Math.max(own, scalars[0] ?? 0), `nice: ${scalars[0]}`);
    }
    const both = await host.run('nice; ulimit -Sn', { scalars: [19], limits: { openFiles: 400 } });
    t.equal(both.stdoutTail.toString(), '19\n400\n');
  });
}

function failures(t: Test, greeted: Greeted): void {
  t.test('a program without an interpreter line is given to the shell', async (t) => {
    const host = await greeted(t);
    const program = join(host.dir, 'plain');
    writeFileSync(program, 'echo "$0 $1 $#"');
    chmodSync(program, 0o755);
    const end = await host.run('', { program, args: ['one', 'two'] });
    t.equal(end.stdoutTail.toString(), `${program} one 2\n`);
  });

  t.test('what cannot be executed says what the system said, and why', async (t) => {
    const host = await greeted(t);
    const make = (name: string, content: string | Buffer, mode = 0o755) => {
      const file = join(host.dir, name);
      writeFileSync(file, content);
      chmodSync(file, mode);
      return file;
    };
    const own = readFileSync('/bin/true').subarray(0, 4096);
    const foreign = Buffer.from(own);
    foreign.writeUInt16LE(own.readUInt16LE(18) === 0xb7 ? 0x3e : 0xb7, 18);
    const unloadable = Buffer.from(
      readFileSync('/bin/true').toString('latin1').replace(/\/ld-/, '/no-'),
      'latin1',
    );
    const cases: [string, string, RegExp][] = [
      [
        make('foreign', foreign),
        'program_not_executable',
        /Exec format error \(ENOEXEC\).* binary for (aarch64|x86_64), /,
      ],
      [
        make('zeros', Buffer.alloc(100)),
        'program_not_executable',
        /Exec format error .* neither a script nor a binary/,
      ],
      [make('marked', '\ufeff#!/bin/sh\ntrue\n'), 'program_not_executable', /begins with a byte order mark/],
      [
        make('plain', 'true', 0o644),
        'program_not_executable',
        /is not an executable file: Permission denied \(EACCES\).* \(mode 0644\)/,
      ],
      [host.dir, 'program_not_executable', /It is a directory/],
      [make('returns', '#!/bin/sh\r\ntrue\r\n'), 'interpreter_not_found', /"\/bin\/sh\r" .* carriage return/],
      [
        make('unloadable', unloadable),
        'interpreter_not_found',
        /"\/[^"]*\/no-[^"]*" that .*unloadable names was not found/,
      ],
    ];
    const busy = make('busy', '#!/bin/sh\ntrue\n');
    const writer = openSync(busy, 'r+');
    t.teardown(() => closeSync(writer));
    cases.push([busy, 'program_busy', /Text file busy \(ETXTBSY\)/]);
    for (const [program, reason, message] of cases) {
      const ref = host.start('', { program, args: [] });
      const reply = await host.next('start_failed', (one) => one.ref === ref);
      t.match(reply, { reason, message });
    }
    // A script that an interpreter is to read, which would not obey its first line.
    const ref = host.start('', { program: 'sh', args: [], scriptFile: join(host.dir, 'marked') });
    t.match(await host.next('start_failed', (one) => one.ref === ref), {
      reason: 'program_not_executable',
      message:
        /marked begins with a byte order mark, which "sh" reads .*: save the script as UTF-8 without it/,
    });
  });

  const failing: [string, Partial<RawStart>, string, RegExp][] = [
    [
      'a program that is not on the path',
      { program: 'no-such-program' },
      'program_not_found',
      /no-such-program/,
    ],
    [
      'a program that is not there',
      { program: '/no/such/program' },
      'program_not_found',
      /\/no\/such\/program/,
    ],
    ['a directory as program', { program: '/tmp' }, 'program_not_executable', /\/tmp/],
    [
      'a program that nobody may execute',
      { program: '/etc/passwd' },
      'program_not_executable',
      /\/etc\/passwd/,
    ],
    ['a working directory that is not there', { cwd: '/no/such/dir' }, 'cwd_not_found', /\/no\/such\/dir/],
    ['a file as working directory', { cwd: '/etc/passwd' }, 'cwd_not_directory', /\/etc\/passwd/],
    ['a path through a file', { cwd: '/etc/passwd/x' }, 'cwd_not_directory', /\/etc\/passwd/],
    ['an argument that is too long', { args: ['x'.repeat(200_000)] }, 'arguments_too_long', /long/],
  ];
  for (const [what, more, reason, message] of failing) {
    t.test(`${what} is told apart: ${reason}`, async (t) => {
      const host = await greeted(t);
      const ref = host.start('true', more);
      const reply = await host.next('start_failed');
      t.match(reply, { ref, reason });
      t.match(reply.message, message);
      t.match(await host.run('echo alive'), { stdoutBytes: 6 }, 'the host goes on');
    });
  }

  t.test('an interpreter that is not there is told apart from a program that is not there', async (t) => {
    const host = await greeted(t);
    const file = join(host.dir, 'script');
    writeFileSync(file, '#!/no/such/interpreter\n');
    chmodSync(file, 0o755);
    host.start('', { program: file, args: [] });
    t.match(await host.next('start_failed'), { reason: 'interpreter_not_found', message: /script/ });
  });

  t.test('nothing of a failed start is left', async (t) => {
    const host = await greeted(t);
    const path = join(host.dir, 'left.script');
    const ref = host.start('', { cwd: '/no/such', script: { path, source: 'x' }, stdin: Buffer.from('x') });
    await host.next('start_failed');
    t.notOk(existsSync(path));
    t.notOk(existsSync(join(host.dir, `private-${ref}`)));
    // A sandbox has been begun, and with it the log, before it can be seen that its command cannot.
    t.equal(existsSync(`${host.path(ref)}.log`) ? host.log(ref) : '', '');
  });
}

/** Of hosts that see the files of this machine: what looks at a dead mount. */
export function hangingStarts(t: Test, command: readonly [string, ...string[]]): void {
  t.test('a start that hangs in the system holds up nobody, and ends by its limit or a cancel', async (t) => {
    const host = await new Host(t, command).greet();
    const disk = await hangingDisk(t);
    if (disk === null)
      return void t.pass('only root can mount a disk that hangs, where there are python3 and /dev/fuse');
    const begins = join(host.dir, 'begins');
    writeFileSync(begins, `#!${disk}/interpreter\n`, { mode: 0o755 });
    const script = (path: string) => ({ path, source: `#!${disk}/interpreter\n` });
    const ways = (name: string): Partial<RawStart>[] => [
      { cwd: `${disk}/d` },
      { program: `${disk}/program` },
      { program: begins },
      { program: 'cat', scriptFile: `${disk}/script` },
      { program: join(host.dir, name), script: script(join(host.dir, name)) },
      { program: 'true', env: [`PATH=${disk}/bin:/bin`] },
    ];
    const limited = ways('limited').map((way) => host.start('true', { ...way, attemptMs: 300 }));
    const open = ways('open').map((way) => host.start('true', way));
    t.match(await host.run('echo alive'), { exitCode: 0, stdoutBytes: 6 });
    for (const ref of limited)
      t.match(await host.exited(ref), { cause: 'attempt_timeout', isStarted: false, exitCode: -1 });
    for (const ref of open) host.write(raw.stop(ref, 'cancelled', 1000));
    for (const ref of open) t.match(await host.exited(ref), { cause: 'cancelled', isStarted: false });
    t.match(await host.run('echo alive'), { exitCode: 0, stdoutBytes: 6 });
    // More than the share of a user: the rest waits, and ends by its limit, too; others are served.
    const many = Array.from({ length: 50 }, () => host.start('true', { cwd: `${disk}/d`, attemptMs: 1000 }));
    t.match(await host.run('echo alive', { owner: 'another' }), { exitCode: 0, stdoutBytes: 6 });
    for (const ref of many) t.match(await host.exited(ref), { cause: 'attempt_timeout', isStarted: false });
    t.match(await host.run('echo alive', { owner: 'another' }), { exitCode: 0, stdoutBytes: 6 });
    host.hangUp();
    await host.hungUp();
    t.pass('it lets go of the server');
  });
}

function leftBehind(t: Test, greeted: Greeted): void {
  const LEAVES: [string, string][] = [
    ['ten thousand files', 'for i in $(seq 10000); do : > f$i; done'],
    [
      'a tree deeper than a path can be',
      // 330 a time: a path of that length can be named.
      `p=$(printf 'dddddddddd/%.0s' $(seq 330)); for i in 1 2; do mkdir -p $p && cd -P $p; done; : > bottom`,
    ],
    ['directories without permissions', 'mkdir -p a/b/c && touch a/b/c/f && chmod 000 a/b/c a/b a'],
  ];
  for (const [what, command] of LEAVES) {
    t.test(`${what} in the private directory are removed with it`, async (t) => {
      const host = await greeted(t);
      const ref = host.start(command);
      t.match(await host.exited(ref), { cause: 'exited', exitCode: 0 });
      await until('it is gone', () => !existsSync(join(host.dir, `private-${ref}`)));
    });
  }

  t.test('a host whose scratch directory was emptied makes its pipes anew', async (t) => {
    const host = await greeted(t);
    t.match(await host.run('true'), { exitCode: 0 });
    rmSync(host.scratch, { recursive: true });
    for (let i = 0; i < 20; i++)
      t.match(await host.run('echo x'), { cause: 'exited', exitCode: 0, stdoutBytes: 2 });
  });
}

function clocks(t: Test, greeted: Greeted): void {
  t.test('an attempt that takes too long is ended, and what it wrote is kept', async (t) => {
    const host = await greeted(t);
    // Whether a command of 300 ms has written anything is a matter of the machine.
    const end = await host.run('exec sleep 600', { attemptMs: 300, graceMs: 60_000 });
    t.match(end, { cause: 'attempt_timeout', signal: 'SIGTERM', forced: false, survivors: 0 });
    t.ok(end.endedAt - end.startedAt >= 299, 'not before its time');
    const ref = host.start('echo before; sleep 600', { graceMs: 60_000 });
    await host.next('growth');
    host.write(raw.deadline(ref, 1, 0));
    t.match(await host.exited(ref), { cause: 'attempt_timeout', forced: false });
    t.equal(host.log(ref), 'before\n');
  });

  t.test('silence for too long ends it, output in time does not', async (t) => {
    const host = await greeted(t);
    t.match(await host.run('echo x; sleep 600', { idleMs: 300 }), { cause: 'idle_timeout' });
    const idleMs = 600;
    const busy = host.start('for i in $(seq 8); do echo $i; sleep 0.1; done', { idleMs });
    const end = await host.exited(busy);
    if (end.cause === 'exited') t.match(end, { exitCode: 0 });
    else {
      // A busy machine may have kept it from writing for so long: then the log shows it.
      const last = readIndex(host.path(busy)).at(-1)?.time ?? end.startedAt;
      t.match(end, { cause: 'idle_timeout' });
      t.ok((end.signals[0]?.at ?? 0) - last >= idleMs - 1, 'it had been silent for its time');
    }
  });

  t.test('new limits take the place of the old ones while it runs', async (t) => {
    const host = await greeted(t);
    // In one piece with the start: nothing comes in between.
    const longer = host.frame('sleep 1; echo done', { attemptMs: 500, idleMs: 500 });
    host.write(Buffer.concat([longer.bytes, raw.deadline(longer.ref, 600_000, 0)]));
    t.match(await host.next('deadline_set'), { ref: longer.ref, isInForce: true });
    t.match(await host.exited(longer.ref), { cause: 'exited', exitCode: 0 });
    host.write(raw.deadline(longer.ref, 600_000, 0));
    const late = await host.next('deadline_set', ({ isInForce }) => !isInForce);
    t.equal(late.ref, longer.ref, 'what has ended is given no more time');
    const shorter = host.start('sleep 600', { attemptMs: 600_000 });
    await host.next('started', (reply) => reply.ref === shorter);
    host.write(raw.deadline(shorter, 100, 0));
    t.match(await host.exited(shorter), { cause: 'attempt_timeout' });
  });

  t.test('a command that cleans up on SIGTERM and exits with 0 keeps the first cause', async (t) => {
    const host = await greeted(t);
    const ref = host.start('trap "echo cleaned; exit 0" TERM; echo ready; while :; do sleep 0.05; done', {
      graceMs: 60_000,
    });
    await host.next('growth');
    host.write(raw.deadline(ref, 1, 0));
    const end = await host.exited(ref);
    t.match(end, { cause: 'attempt_timeout', exitCode: 0, forced: false });
    t.equal(end.stdoutTail.toString(), 'ready\ncleaned\n');
  });
}

/** Three files in memory (memfd_create(2)) of 40 MB each, of which nothing is mapped. */
const MEMFDS = `
  use POSIX; my $number = (POSIX::uname())[4] eq "aarch64" ? 279 : 319;
  for my $i (1..3) {
    my $name = "held";
    open($held[$i], ">&=", syscall($number, $name, 0));
    syswrite($held[$i], "x" x 1000000) for 1..40;
  }
  sleep 60`;

function limits(t: Test, greeted: Greeted): void {
  const SPIN = 'while :; do :; done';
  const holds = (bytes: number) => `exec perl -e '$held = "x" x ${bytes}; sleep 60'`;

  const EXCEEDED: [string, string, Partial<RawStart>, string][] = [
    ['one that takes too much cpu time', SPIN, { limits: { cpuS: 1 } }, 'cpu_s'],
    ['a tree that takes too much together', `${SPIN} & ${SPIN} & wait`, { limits: { cpuS: 1 } }, 'cpu_s'],
    [
      'one that does not mind the signal for it',
      `trap "" XCPU TERM; ${SPIN}`,
      { limits: { cpuS: 1 } },
      'cpu_s',
    ],
    [
      'a tree that holds too much memory together',
      `for i in 1 2 3 4; do (${holds(20_000_000)}) & done; wait`,
      { limits: { memoryBytes: 64_000_000 } },
      'memory_bytes',
    ],
    [
      'too many processes',
      'for i in 1 2 3 4 5; do sleep 60 & done; wait',
      { limits: { processes: 4 } },
      'processes',
    ],
    [
      'one that writes too large a file',
      'exec head -c 100000 /dev/zero > big',
      { limits: { fileBytes: 50_000 } },
      'file_bytes',
    ],
    [
      'a shell whose command writes too large a file',
      'head -c 100000 /dev/zero > big; exit $?',
      { limits: { fileBytes: 50_000 } },
      'file_bytes',
    ],
    [
      'too much in the private directory',
      'mkdir deep; for i in 1 2 3; do head -c 500000 /dev/urandom > deep/$i; done; sleep 60',
      { limits: { diskBytes: 1_000_000 } },
      'disk_bytes',
    ],
    [
      'too many files without content',
      'mkdir deep; for i in {1..300}; do : > deep/$i; done; sleep 60',
      { limits: { diskBytes: 1_000_000 } },
      'disk_bytes',
    ],
    [
      'too much memory behind descriptors alone',
      `exec perl -e '${MEMFDS}'`,
      { limits: { memoryBytes: 64_000_000 } },
      'memory_bytes',
    ],
  ];
  for (const [what, command, more, limit] of EXCEEDED) {
    t.test(`${what} is ended, and the limit is named: ${limit}`, async (t) => {
      const host = await greeted(t);
      const ref = host.start(command, more);
      const end = await host.exited(ref);
      t.match(end, { cause: 'resource_limit', limit, isStarted: true, survivors: 0 });
      t.same(withEnvironment(host.marker(ref)), []);
    });
  }

  t.test('many with limits at a time end each by its own, and by no other', async (t) => {
    const host = await greeted(t);
    const refs = Array.from({ length: 12 }, (_, i) => {
      const isOver = i % 3 === 0;
      const command = isOver ? 'sleep 60 & sleep 60 & sleep 60 & wait' : 'sleep 1 & sleep 1; exit 5';
      return [isOver, host.start(command, { limits: { processes: 3, cpuS: 30 } })] as const;
    });
    for (const [isOver, ref] of refs) {
      const expected = isOver
        ? { cause: 'resource_limit', limit: 'processes' }
        : { cause: 'exited', exitCode: 5, limit: null };
      t.match(await host.exited(ref), { ...expected, survivors: 0 });
    }
  });

  t.test('each process is held to what it may use, and none leaves its memory on a disk', async (t) => {
    const host = await greeted(t);
    const limits = { cpuS: 50, memoryBytes: 300_000_000, processes: 5, fileBytes: 70_000, openFiles: 40 };
    const end = await host.run('cat /proc/self/limits', { limits: { ...limits, diskBytes: 80_000 } });
    const held = end.stdoutTail.toString();
    t.match(end, { cause: 'exited', exitCode: 0, limit: null });
    t.match(held, /^Max cpu time +50 +51 /m);
    t.match(held, /^Max data size +4894967296 +4894967296 /m);
    t.match(held, /^Max file size +70000 +70000 /m);
    t.match(held, /^Max open files +40 +40 /m);
    t.match(held, /^Max core file size +0 +0 /m);
    const free = (await host.run('cat /proc/self/limits')).stdoutTail.toString();
    t.match(free, /^Max core file size +0 +0 /m, 'without limits too');
    t.notMatch(free, /^Max cpu time +50 /m, 'and the next one is free again');
  });

  t.test('a limit that is higher than what the host is held to itself changes nothing', async (t) => {
    const host = await greeted(t);
    const most = 2 ** 52;
    const limits = { cpuS: most, memoryBytes: most, fileBytes: most, openFiles: most };
    t.match(await host.run('ulimit -n; exit 3', { limits }), { cause: 'exited', exitCode: 3 });
  });

  t.test('who opens too many files is told so, and ends by itself', async (t) => {
    const host = await greeted(t);
    const opens = 'for i in $(seq 30); do exec {fd}</dev/null || exit 9; done';
    t.match(await host.run(opens, { limits: { openFiles: 20 } }), { cause: 'exited', limit: null });
    t.match(await host.run(opens, { limits: { openFiles: 80 } }), { cause: 'exited', exitCode: 0 });
  });

  t.test('when memory runs out, commands are ended before the host is', async (t) => {
    const host = await greeted(t);
    const badness = (pid: number) => Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'latin1'));
    host.start('echo up; sleep 60');
    const { pid } = await host.next('started');
    const expected = Math.min(Math.max(0, badness(host.pid)) + 500, 1000);
    await until('it is the worse one', () => badness(pid) === expected);
    t.equal(badness(host.pid), badness(process.pid), 'the host is what it was');
    const same = `until [ "$(cat /proc/self/oom_score_adj)" = ${expected} ]; do :; done; exit 3`;
    t.match(await host.run(same), { cause: 'exited', exitCode: 3 }, 'so is what it starts');
  });

  t.test('nothing is taken for a limit that was not set', async (t) => {
    const host = await greeted(t);
    const limits = { openFiles: 50 };
    t.match(await host.run('exit 153', { limits }), { cause: 'exited', exitCode: 153, limit: null });
    t.match(await host.run('kill -XCPU $$', { limits }), { cause: 'signalled', signal: 'SIGXCPU' });
  });

  t.test('memory that several share is counted once', async (t) => {
    const host = await greeted(t);
    const shared =
      '$held = "x" x 20000000; for (1..6) { fork or do { select(undef, undef, undef, 1.5); exit } } 1 while wait > 0';
    t.match(await host.run(`exec perl -e '${shared}'`, { limits: { memoryBytes: 100_000_000 } }), {
      cause: 'exited',
      exitCode: 0,
    });
  });

  t.test('with limits, scripts run, and failed starts are told apart as without', async (t) => {
    const host = await greeted(t);
    const limits = { openFiles: 100 };
    const path = join(host.dir, 'limited.script');
    const script = { path, source: '#!/bin/bash\necho "$1 $(ulimit -n)"' };
    const end = await host.run('', { program: path, args: ['arg'], script, limits });
    t.equal(end.stdoutTail.toString(), 'arg 100\n');
    const file = join(host.dir, 'script');
    writeFileSync(file, '#!/no/such/interpreter\n');
    chmodSync(file, 0o755);
    host.start('', { program: file, args: [], limits });
    t.match(await host.next('start_failed'), { reason: 'interpreter_not_found', message: /script/ });
    host.start('true', { args: ['x'.repeat(200_000)], limits });
    t.match(await host.next('start_failed'), { reason: 'arguments_too_long' });
    host.start('true', { program: 'no-such-program', limits });
    t.match(await host.next('start_failed'), { reason: 'program_not_found' });
  });
}

function stops(t: Test, greeted: Greeted): void {
  t.test('the report has the signals with their times, and how many processes there were', async (t) => {
    const host = await greeted(t);
    const ref = host.start('trap "" TERM; (trap "" TERM; sleep 100; sleep 100) & echo up; wait; sleep 100');
    await host.next('growth');
    await until('all are there', () => withEnvironment(host.marker(ref)).length >= 3);
    const before = Date.now();
    host.write(raw.stop(ref, 'cancelled', 300));
    const end = await host.exited(ref);
    const [term, kill] = end.signals;
    t.same(
      end.signals.map(({ signal }) => signal),
      ['SIGTERM', 'SIGKILL'],
    );
    t.ok(before <= (term?.at ?? 0) && (kill?.at ?? Infinity) <= end.endedAt, 'when they were sent');
    t.ok((kill?.at ?? 0) - (term?.at ?? 0) >= 299, 'the grace lies between them');
    t.equal(end.found, 3);
    t.ok(end.leftovers >= 1);
  });

  t.test('who acts on SIGTERM is sent nothing else, and who ends by itself nothing at all', async (t) => {
    const host = await greeted(t);
    const ref = host.start('exec sleep 100');
    await host.next('started');
    host.write(raw.stop(ref, 'cancelled', 60_000));
    t.match(await host.exited(ref), { signals: [{ signal: 'SIGTERM' }], found: 1, leftovers: 0 });
    t.match(await host.run('exit 3'), { signals: [], outputLost: false });
    const left = await host.run('sleep 100 >/dev/null 2>&1 & exit 0', { graceMs: 60_000 });
    t.match(left, { signals: [{ signal: 'SIGTERM' }], found: 0, leftovers: 1, forced: false });
    t.equal(left.signals.length, 1);
    t.equal(left.outputLost, false, 'it held no output');
  });

  t.test('a stop in the same breath as the start: nothing is executed', async (t) => {
    const host = await greeted(t);
    const { ref, bytes } = host.frame(`touch ${host.dir}/executed`);
    host.write(Buffer.concat([bytes, raw.stop(ref, 'cancelled', 1000)]));
    t.match(await host.exited(ref), { cause: 'cancelled', isStarted: false, exitCode: -1 });
    t.notOk(existsSync(join(host.dir, 'executed')));
    t.notOk(existsSync(`${host.path(ref)}.log`));
  });

  t.test('a stop of an attempt that there is not is no matter', async (t) => {
    const host = await greeted(t);
    const nobody = 4_000_000_000;
    host.write(raw.stop(nobody, 'cancelled', 0));
    host.write(raw.deadline(nobody, 1, 1));
    t.match(await host.run('echo alive'), { stdoutBytes: 6 });
  });

  for (const cause of ['cancelled', 'total_timeout', 'shutdown'] as const) {
    t.test(`a stop is reported with its cause: ${cause}`, async (t) => {
      const host = await greeted(t);
      const ref = host.start('sleep 60');
      await host.next('started');
      host.write(raw.stop(ref, cause, 60_000));
      t.match(await host.exited(ref), { cause, isStarted: true, signal: 'SIGTERM', forced: false });
    });
  }

  t.test('who ignores SIGTERM is killed after the grace', async (t) => {
    const host = await greeted(t);
    const ref = host.start('trap "" TERM; echo ready; while :; do sleep 0.1; done');
    await host.next('growth');
    host.write(raw.stop(ref, 'cancelled', 300));
    const end = await host.exited(ref);
    t.match(end, { cause: 'cancelled', signal: 'SIGKILL', forced: true, survivors: 0 });
    t.ok(end.endedAt - end.startedAt >= 300, 'not before the grace was over');
  });

  t.test('a stopped process is woken for its SIGTERM', async (t) => {
    const host = await greeted(t);
    const ref = host.start('trap "echo woken; exit" TERM; echo ready; kill -STOP $$; echo never');
    await host.next('growth');
    host.write(raw.stop(ref, 'cancelled', 60_000));
    t.match(await host.exited(ref), { cause: 'cancelled', forced: false });
    t.match(host.log(ref), /woken/);
  });

  t.test('the first cause wins, however many follow', async (t) => {
    const host = await greeted(t);
    const ref = host.start('trap "" TERM; echo ready; while :; do sleep 0.05; done');
    await host.next('growth');
    const later = [raw.stop(ref, 'shutdown', 400), raw.deadline(ref, 1, 1)];
    host.write(Buffer.concat([raw.stop(ref, 'cancelled', 500), ...later]));
    t.match(await host.exited(ref), { cause: 'cancelled' });
  });
}

/** A command that ends when what it leaves behind is ready for anything; that says "over" when the host has seen the end. */
function leaving(trap: string, endless: string, exit: number): string {
  const over = 'while kill -0 $$ 2>/dev/null; do sleep 0.02; done; echo over';
  const left = `trap "${trap}" TERM; echo > up; ${over}; while :; do ${endless}; done`;
  return `mkfifo up; (${left}) & read -r _ < up; exit ${exit}`;
}

function trees(t: Test, greeted: Greeted): void {
  const FAMILY = 'sleep 100 & setsid sleep 100 & (sleep 100 & exec sleep 100) & echo ready; sleep 100';

  t.test('a cancel ends the whole tree, also children in sessions of their own', async (t) => {
    const host = await greeted(t);
    const ref = host.start(FAMILY);
    await host.next('growth');
    await until('the family is there', () => withEnvironment(host.marker(ref)).length >= 5);
    host.write(raw.stop(ref, 'cancelled', 2000));
    t.match(await host.exited(ref), { cause: 'cancelled', survivors: 0 });
    t.same(withEnvironment(host.marker(ref)), []);
  });

  t.test('a timeout ends the whole tree too', async (t) => {
    const host = await greeted(t);
    const ref = host.start(FAMILY, { attemptMs: 500 });
    t.match(await host.exited(ref), { cause: 'attempt_timeout', survivors: 0 });
    t.same(withEnvironment(host.marker(ref)), []);
  });

  t.test('children that ignore SIGTERM are killed after the grace, and counted', async (t) => {
    const host = await greeted(t);
    const ref = host.start('(trap "" TERM; echo ready; while :; do sleep 0.1; done) & sleep 100');
    await host.next('growth');
    host.write(raw.stop(ref, 'cancelled', 300));
    const end = await host.exited(ref);
    t.match(end, { cause: 'cancelled', forced: true, survivors: 0 });
    t.ok(end.leftovers >= 1);
    t.same(withEnvironment(host.marker(ref)), []);
  });

  t.test('what outlives a normal end is killed and counted, and does not hold the end up', async (t) => {
    const host = await greeted(t);
    const ref = host.start('sleep 100 & setsid sleep 100 > /dev/null 2>&1 & echo done', { graceMs: 100 });
    const end = await host.exited(ref);
    t.match(end, { cause: 'exited', exitCode: 0, leftovers: 2, survivors: 0, outputLost: true });
    t.ok(end.endedAt - end.startedAt < 60_000);
    t.same(withEnvironment(host.marker(ref)), []);
    t.equal(host.log(ref), 'done\n');
  });

  t.test('what a child writes just after the end of its parent is still kept', async (t) => {
    const host = await greeted(t);
    const ref = host.start('(sleep 0.05; echo late) & echo early', { graceMs: 60_000 });
    await host.exited(ref);
    t.equal(host.log(ref), 'early\nlate\n');
  });

  t.test('a member of the group without the marker is found by its group', async (t) => {
    const host = await greeted(t);
    const own = token();
    const ref = host.start(`env -i sleep 100.${own} & echo up; sleep 100`);
    await until('it is there', () => withArgument(own).length === 1);
    host.write(raw.stop(ref, 'cancelled', 500));
    t.match(await host.exited(ref), { cause: 'cancelled', survivors: 0 });
    t.same(withArgument(own), []);
  });

  t.test('a daemon that escaped and goes on writing does not hold the end up, and is told of', async (t) => {
    const host = await greeted(t);
    const own = token();
    t.teardown(() => killSeen(withArgument(own)));
    const ref = host.start(
      `setsid env -i sh -c "while :; do echo x; sleep 0.05; done # ${own}" & sleep 0.1; exit 0`,
      { graceMs: 500 },
    );
    const end = await host.exited(ref);
    t.match(end, { cause: 'exited', exitCode: 0, outputLost: true });
    t.ok(end.survivors >= 1 || withArgument(own).length === 0, 'it is dead, or counted as a survivor');
    t.equal(host.log(ref).length, end.stdoutKept);
  });

  t.test('what ended by itself is not ended by a clock or a cancel that comes after', async (t) => {
    const host = await greeted(t);
    const idle = host.start(leaving('', 'sleep 1', 4), {
      ...{ idleMs: 60_000, attemptMs: 60_000, graceMs: 60_000 },
    });
    await host.next('growth');
    host.write(raw.deadline(idle, 1, 1));
    host.write(raw.stop(idle, 'cancelled', 100));
    const end = await host.exited(idle);
    t.match(end, { cause: 'exited', exitCode: 4, forced: true });
    t.ok(end.leftovers >= 1);
  });

  t.test('other attempts are left alone', async (t) => {
    const host = await greeted(t);
    const bystander = host.start('echo up; sleep 1; echo still here');
    await host.next('growth');
    const victim = host.start('sleep 100');
    await host.next('started', (reply) => reply.ref === victim);
    host.write(raw.stop(victim, 'cancelled', 100));
    await host.exited(victim);
    t.match(await host.exited(bystander), { exitCode: 0, leftovers: 0 });
    t.equal(host.log(bystander), 'up\nstill here\n');
  });

  t.test(
    'a sweep kills what carries a marker, and older hosts of the instance, and nothing else',
    async (t) => {
      const old = await greeted(t, OWN);
      // All that is in a sandbox dies with the host.
      const isSandboxed = old.tier.isolation === 'sandbox';
      const ref = old.start('setsid sleep 100 & sleep 100');
      // Not the process of the attempt itself: a host may see to it that those die with it.
      const other = old.start('setsid bash -c "echo up; exec sleep 100" & sleep 100');
      await old.next('growth', (reply) => reply.ref === other);
      const bystanders = () => withEnvironment(old.marker(other)).length;
      await until('the family is there', () => withEnvironment(old.marker(ref)).length >= 2);
      const host = await greetedAs(t, greeted, old.instance);
      mkdirSync(join(host.dir, 'left/behind'), { recursive: true });
      host.write(raw.sweep(1, [old.marker(ref)], [join(host.dir, 'left')]));
      const swept = await host.next('swept');
      t.match(swept, { id: 1, survivors: 0 });
      t.ok(swept.killed >= 2 || isSandboxed);
      t.same(withEnvironment(old.marker(ref)), []);
      t.ok(old.exit !== null || !isAlive(old.pid), 'the older host is dead');
      t.ok(bystanders() > 0 || isSandboxed, 'what was not named lives on');
      await until('what it was told to remove is gone', () => !existsSync(join(host.dir, 'left')));
      host.write(raw.sweep(2, [old.marker(other)], []));
      await host.next('swept');
      t.equal(bystanders(), 0);
    },
  );
}

/** A second host that says it belongs to the same instance as another one. */
async function greetedAs(t: Test, greeted: Greeted, instance: string): Promise<Host> {
  const host = await greeted(t, OWN);
  mkdirSync(join(host.dir, 'scratch-2'), { recursive: true });
  host.write(raw.hello(instance, join(host.dir, 'scratch-2')));
  await host.next('ready');
  return host;
}

/** What others still write when the first process has ended, and how those that it has left behind end. */
function drains(t: Test, greeted: Greeted): void {
  /** Reads lines and is slow to write them, longer than any wait for silence together. */
  const SLOWLY = 'while IFS= read -r line; do sleep 0.05; echo "$line"; done';

  t.test('output that goes through a process of its own is read to its end', async (t) => {
    const host = await greeted(t);
    const ref = host.start(`exec > >(${SLOWLY}) 2>&1; seq 1 60; echo the reason; exit 3`, {
      graceMs: 60_000,
    });
    // It has closed its pipe, and may not quite have ended yet, when it is looked for.
    t.match(await host.exited(ref), { cause: 'exited', exitCode: 3, forced: false, outputLost: false });
    t.equal(host.log(ref), `${Array.from({ length: 60 }, (_, i) => `${i + 1}\n`).join('')}the reason\n`);
  });

  t.test('who is silent for a second after the end of the first process is not cut off', async (t) => {
    const host = await greeted(t);
    const ref = host.start('exec > >(sleep 1; cat); echo data', {
      graceMs: 60_000,
    });
    t.match(await host.exited(ref), { outputLost: false });
    t.equal(host.log(ref), 'data\n');
  });

  t.test('who goes on writing for ever is asked to end after the grace, then killed', async (t) => {
    const host = await greeted(t);
    const ref = host.start(leaving('echo cleaned', 'echo x; sleep 0.02', 0), { graceMs: 1500 });
    const end = await host.exited(ref);
    t.match(end, { cause: 'exited', exitCode: 0, forced: true, found: 0, outputLost: true, survivors: 0 });
    t.same(
      end.signals.map(({ signal }) => signal),
      ['SIGTERM', 'SIGKILL'],
    );
    t.match(host.log(ref), /^over\n(x\n)*(Terminated\n)?(cleaned\n)?(x\n)*$/);
    const [term, kill] = end.signals;
    t.ok((kill?.at ?? 0) - (term?.at ?? 0) >= 1499, 'the grace lies between them');
  });

  t.test('what was put into the background has time to shut down in order', async (t) => {
    const host = await greeted(t);
    const file = join(host.dir, 'shut-down');
    const isWritable = host.tier.isolation !== 'sandbox';
    const how = isWritable ? `echo x > ${file}` : 'true';
    mkdirSync(host.dir, { recursive: true });
    if (isWritable) chmodSync(host.dir, 0o777);
    const helper = `trap "sleep 0.5; ${how}; exit" TERM; echo > up; while :; do sleep 0.05; done`;
    const ref = host.start(`mkfifo up; (${helper}) >/dev/null 2>&1 & read -r _ < up; echo done`, {
      graceMs: 60_000,
    });
    const end = await host.exited(ref);
    t.match(end, { cause: 'exited', exitCode: 0, forced: false, outputLost: false });
    t.same(
      end.signals.map(({ signal }) => signal),
      ['SIGTERM'],
    );
    t.ok(end.leftovers >= 1);
    t.ok(existsSync(file) || !isWritable, 'its handler has run');
    t.equal(host.log(ref), 'done\n');
  });

  t.test('without a grace nobody is waited for', async (t) => {
    const host = await greeted(t);
    const end = await host.run('sleep 100 & echo done', { graceMs: 0 });
    t.match(end, { cause: 'exited', exitCode: 0, leftovers: 1, outputLost: true, survivors: 0 });
    t.match(await host.run('echo done', { graceMs: 0 }), { stdoutBytes: 5, signals: [], outputLost: false });
  });

  t.test('a stop ends the wait for what others still write', async (t) => {
    const host = await greeted(t);
    const ref = host.start(leaving('', 'echo x; sleep 0.02', 5), { graceMs: 60_000 });
    await host.next('growth');
    host.write(raw.stop(ref, 'cancelled', 100));
    t.match(await host.exited(ref), { cause: 'exited', exitCode: 5, forced: true, outputLost: true });
  });

  t.test('what others write after the end counts for the limit of the output', async (t) => {
    const host = await greeted(t);
    const ref = host.start('(while :; do echo 123456789; sleep 0.02; done) & exit 0', {
      ...{ graceMs: 60_000, keepBytes: 100, failOnLimit: true },
    });
    t.match(await host.exited(ref), { cause: 'output_limit', exitCode: 0, stdoutKept: 100 });
  });

  t.test('what is left behind is held to the limits of its execution', async (t) => {
    const host = await greeted(t);
    const end = await host.run(leaving('', 'sleep 100 & echo x; sleep 0.2', 6), {
      graceMs: 60_000,
      limits: { processes: 8 },
    });
    t.match(end, { cause: 'exited', exitCode: 6, forced: true, survivors: 0, outputLost: true });
  });
}

/** The clock that a server and its host have in common, milliseconds. */
const monotonicMs = () => Math.floor(Number(process.hrtime.bigint()) / 1e6);
const FAR_MS = 3_600_000;

function leases(t: Test, greeted: Greeted): void {
  t.test('what runs ends when the lease of its server is over, and nothing starts any more', async (t) => {
    const host = await greeted(t, OWN);
    host.write(raw.lease(monotonicMs() + FAR_MS, 0));
    const polite = host.start('trap "echo told; exit 3" TERM; echo up; while :; do sleep 0.05; done');
    const deaf = host.start('trap "" TERM; setsid sleep 100 & echo up; while :; do sleep 0.05; done', {
      graceMs: FAR_MS,
    });
    // Its server waits for it, with a grace that others would not wait for.
    const stopped = host.start('trap "" INT; echo up; while :; do sleep 0.05; done', {
      stopSignal: 'SIGINT',
    });
    for (const ref of [polite, deaf, stopped]) await host.next('growth', (reply) => reply.ref === ref);
    host.write(raw.stop(stopped, 'cancelled', FAR_MS));
    host.write(raw.ping(1));
    await host.next('pong');
    t.equal(host.left('exited'), 0, 'while it lasts, nothing ends');
    // The host hears nothing more of its server than this.
    host.write(raw.lease(monotonicMs() + 1, 2000));
    t.match(await host.exited(polite), { cause: 'shutdown', isStarted: true, exitCode: 3, forced: false });
    t.match(host.log(polite), 'told');
    t.match(await host.exited(deaf), { cause: 'shutdown', signal: 'SIGKILL', forced: true, survivors: 0 });
    t.match(await host.exited(stopped), { cause: 'cancelled', forced: true, survivors: 0 });
    t.same(withEnvironment(`${host.instance}/run/`), []);
    const late = host.start(`touch ${host.dir}/executed`);
    t.match(await host.exited(late), { cause: 'shutdown', isStarted: false });
    t.notOk(existsSync(join(host.dir, 'executed')));
    host.write(raw.lease(monotonicMs() + FAR_MS, 0));
    t.match(
      await host.run('exit 4'),
      { cause: 'exited', exitCode: 4 },
      'with another lease, all is as before',
    );
  });

  t.test('a host that was frozen beyond the lease kills at once when it wakes', async (t) => {
    const host = await greeted(t, OWN);
    const ref = host.start('trap "" TERM; setsid sleep 100 & echo up; while :; do sleep 0.05; done', {
      graceMs: FAR_MS,
    });
    await host.next('growth');
    process.kill(host.pid, 'SIGSTOP');
    await until('it is frozen', () => readFileSync(`/proc/${host.pid}/stat`, 'latin1').includes(') T '));
    // What its server, frozen as well, had sent before: it lies in the pipe, and is over since.
    host.write(raw.lease(monotonicMs() - FAR_MS, 60_000));
    const late = host.start(`touch ${host.dir}/executed`);
    process.kill(host.pid, 'SIGCONT');
    t.match(await host.exited(ref), { cause: 'shutdown', signal: 'SIGKILL', forced: true, survivors: 0 });
    t.match(await host.exited(late), { cause: 'shutdown', isStarted: false });
    t.notOk(existsSync(join(host.dir, 'executed')));
    t.same(withEnvironment(`${host.instance}/run/`), []);
  });
}

function stopChoices(t: Test, greeted: Greeted): void {
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;
  t.test('an attempt is told to end by the signal that it wants', async (t) => {
    const host = await greeted(t);
    for (const stopSignal of signals) {
      const trap = `trap "echo got ${stopSignal}; exit 7" ${stopSignal}`;
      const ref = host.start(`${trap}; echo up; while :; do sleep 0.05; done`, { stopSignal });
      await host.next('growth', (reply) => reply.ref === ref);
      host.write(raw.stop(ref, 'cancelled', 60_000));
      const end = await host.exited(ref);
      t.match(end, { cause: 'cancelled', exitCode: 7, forced: false, outputLost: false });
      t.same(
        end.signals.map(({ signal }) => signal),
        [stopSignal],
      );
      t.match(host.log(ref), `got ${stopSignal}\n`);
    }
  });

  t.test('who is asked alone finds its children alive, and they are asked when it has ended', async (t) => {
    const host = await greeted(t);
    const child = 'trap "sleep 0.3; echo child ends; exit" INT; echo up; while :; do sleep 0.05; done';
    const trap = "trap 'kill -0 $! && echo child is alive; exit 4' INT";
    const ref = host.start(`${trap}; set -m; (${child}) & set +m; while :; do sleep 0.05; done`, {
      ...{ stopSignal: 'SIGINT', stopScope: 'main', graceMs: 60_000 },
    });
    await host.next('growth');
    host.write(raw.stop(ref, 'cancelled', 60_000));
    const end = await host.exited(ref);
    t.match(end, { cause: 'cancelled', exitCode: 4, forced: false, survivors: 0 });
    t.ok(end.found >= 2 && end.leftovers >= 1);
    t.equal(host.log(ref), 'up\nchild is alive\nchild ends\n');
    t.same(withEnvironment(host.marker(ref)), []);
  });

  t.test('who is asked alone and does not end is killed with all its children', async (t) => {
    const host = await greeted(t);
    const ref = host.start('trap "" TERM; sleep 100 & echo up; while :; do sleep 0.05; done', {
      stopScope: 'main',
    });
    await host.next('growth');
    host.write(raw.stop(ref, 'cancelled', 300));
    const end = await host.exited(ref);
    t.match(end, { cause: 'cancelled', signal: 'SIGKILL', forced: true, survivors: 0, outputLost: true });
    t.same(withEnvironment(host.marker(ref)), []);
  });

  t.test('what others write after the end of who was asked alone is read', async (t) => {
    const host = await greeted(t);
    const slowly = 'while IFS= read -r line; do sleep 0.2; echo "$line"; done';
    const handler = 'seq 1 20; exit 0';
    const ref = host.start(
      `exec > >(${slowly}); trap "${handler}" TERM; echo up; while :; do sleep 0.05; done`,
      {
        ...{ stopScope: 'main', graceMs: 60_000 },
      },
    );
    await host.next('growth');
    host.write(raw.stop(ref, 'cancelled', 60_000));
    t.match(await host.exited(ref), { cause: 'cancelled', exitCode: 0, forced: false, outputLost: false });
    t.equal(host.log(ref), `up\n${Array.from({ length: 20 }, (_, i) => `${i + 1}\n`).join('')}`);
  });

  t.test('a second stop can make the grace shorter, and not longer', async (t) => {
    const host = await greeted(t);
    const ref = host.start('trap "" TERM; echo up; while :; do sleep 0.05; done');
    await host.next('growth');
    host.write(raw.stop(ref, 'cancelled', 60_000));
    host.write(raw.stop(ref, 'total_timeout', 50));
    host.write(raw.stop(ref, 'cancelled', 60_000));
    t.match(await host.exited(ref), { cause: 'cancelled', forced: true });
  });
}

function disks(t: Test, greeted: Greeted): void {
  t.test(
    'a full disk ends the attempt with that cause, keeps what fitted, and the host goes on',
    async (t) => {
      const disk = smallDisk(t, 256 * 1024);
      if (disk === null) {
        t.pass('only a privileged user can mount a small disk');
        return;
      }
      const host = await greeted(t);
      const journal = join(disk, 'journal');
      const end = await host.run('yes 0123456789', { journal, keepBytes: 100_000_000 });
      t.match(end, { cause: 'journal_failed', survivors: 0 });
      t.match(end.message, /ENOSPC|[Nn]o space/);
      const log = readFileSync(`${journal}.log`, 'latin1');
      t.ok(end.stdoutKept > 0 && end.stdoutKept <= statSync(`${journal}.log`).size);
      t.ok('0123456789\n'.repeat(30_000).startsWith(log.slice(0, end.stdoutKept)), 'a byte-exact prefix');
      t.match(await host.run('echo alive'), { cause: 'exited', stdoutKept: 6 });
      const reply = await host.ended(host.start('true', { journal: join(disk, 'another') }));
      t.ok(
        reply.type === 'start_failed' ? reply.reason === 'journal_write_failed' : reply.cause === 'exited',
      );
    },
  );
}

function endings(t: Test, greeted: Greeted, command: readonly [string, ...string[]]): void {
  t.test('when the server is gone, the host kills everything and ends', async (t) => {
    const host = await greeted(t, OWN);
    const refs = Array.from({ length: 5 }, () =>
      host.start('trap "" TERM; setsid sleep 100 & echo ready; sleep 100'),
    );
    for (const ref of refs) await host.next('growth', (reply) => reply.ref === ref);
    host.hangUp();
    t.match(await host.gone(), { code: 0 });
    t.same(withEnvironment(`${host.instance}/run/`), []);
    t.same(
      findFiles(host.dir, '').filter((path) => path.startsWith('private-')),
      [],
    );
  });

  t.test('what the server had asked for in its last breath does not outlive it', async (t) => {
    const host = await greeted(t, OWN);
    const { bytes } = host.frame('trap "" TERM; sleep 100');
    host.write(bytes);
    host.hangUp();
    t.match(await host.gone(), { code: 0 });
    t.same(withEnvironment(`${host.instance}/run/`), []);
  });

  t.test('a frame that is cut anywhere, its length put right, is seen to be malformed', async (t) => {
    const { bytes } = new Host(t, command).frame('true', {
      script: { path: '/x', source: 'y' },
      stdin: Buffer.from('z'),
    });
    const body = bytes.subarray(6);
    for (const share of [0.1, 0.5, 0.99]) {
      const host = await greeted(t, OWN);
      host.write(rawFrame(0x02, body.subarray(0, Math.floor(body.length * share))));
      t.match(await host.next('failure'), { message: /ends within a field/ });
      t.match(await host.gone(), { code: 65, signal: null });
    }
  });

  const malformed: [string, Buffer][] = [
    ['a frame of another version', rawFrame(0x03, Buffer.alloc(9), 1)],
    ['a frame of unknown type', rawFrame(0x7f, Buffer.alloc(0))],
    ['a frame that ends within a field', rawFrame(0x03, Buffer.alloc(3))],
    ['a frame that is longer than its fields', rawFrame(0x03, Buffer.alloc(20))],
    ['a frame that claims gigabytes', Buffer.from([0xff, 0xff, 0xff, 0xff, 2, 3])],
    ['a frame with a code that there is not', rawFrame(0x03, Buffer.from([0, 0, 0, 1, 9, 0, 0, 0, 0]))],
    ['a frame that only a host sends', rawFrame(0x86, Buffer.alloc(12))],
    ['noise', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ];
  for (const [what, bytes] of malformed) {
    t.test(`after ${what} the host says so, kills everything and ends with an error`, async (t) => {
      const host = await greeted(t, OWN);
      host.start('echo ready; sleep 100');
      await host.next('growth');
      host.write(bytes);
      const { message } = await host.next('failure');
      t.ok(message.length > 0);
      const { code } = await host.gone();
      t.ok(code !== 0 && code !== null);
      t.same(withEnvironment(`${host.instance}/run/`), []);
    });
  }

  t.test('a host that is not greeted first says so and ends', async (t) => {
    const host = new Host(t, command);
    host.start('true');
    t.match(await host.next('failure'), { message: /hello/ });
    await host.gone();
  });

  t.test('frames that come byte by byte are understood', async (t) => {
    const host = await greeted(t);
    const { ref, bytes } = host.frame('echo slow');
    for (const byte of bytes) {
      host.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    t.match(await host.exited(ref), { stdoutBytes: 5 });
  });
}

/** Scalars of a start frame: the input stays open; or a terminal of a size. */
const OPEN_STDIN = [-1, -1, 1];
const SAYS_PROGRESS = [-1, -1, 1, -1, -1, 1];
const terminal = (cols: number, rows: number) => [-1, -1, 1, cols, rows];

function live(t: Test, greeted: Greeted): void {
  t.test('input comes while a command runs, until it is closed', async (t) => {
    const host = await greeted(t);
    const ref = host.start('read -r line; echo "got $line"; cat /dev/stdin; echo end', {
      scalars: OPEN_STDIN,
    });
    await host.next('started', (reply) => reply.ref === ref);
    host.write(raw.input(ref, 'one\ntw'));
    await host.next('input_taken', (reply) => reply.taken === 6 && reply.isOpen);
    await host.next('growth', (reply) => reply.ref === ref && reply.stdoutBytes === 10);
    host.write(raw.input(ref, 'o\n', true));
    await host.next('input_taken', (reply) => reply.taken === 8 && !reply.isOpen);
    t.match(await host.exited(ref), { cause: 'exited', exitCode: 0 });
    t.equal(host.log(ref), 'got one\ntwo\nend\n');
    host.write(raw.input(ref, 'late'));
    host.write(raw.ping(1));
    await host.next('pong');
  });

  t.test('what a command says of its progress comes as it is, in bounded pieces', async (t) => {
    const host = await greeted(t);
    const say = 'echo one >&3; read -r line; echo two >/dev/fd/3; echo out; read -r line';
    const ref = host.start(say, { scalars: SAYS_PROGRESS });
    t.match(await host.next('progress', (reply) => reply.ref === ref), { said: Buffer.from('one\n') });
    host.write(raw.input(ref, '\n'));
    await host.next('progress', (reply) => reply.ref === ref && reply.said.toString() === 'two\n');
    host.write(raw.input(ref, '\n', true));
    t.match(await host.exited(ref), { cause: 'exited', exitCode: 0, stdoutBytes: 4, leftovers: 0 });
    t.equal(host.log(ref), 'out\n', 'it is no output');
    const none = await host.run('{ true >&3; } 2>/dev/null || echo none');
    t.equal(none.stdoutTail.toString(), 'none\n', 'a command that did not ask for it has no such descriptor');
    const flood = host.start('exec yes xxxxxxx >&3', { scalars: SAYS_PROGRESS });
    for (let i = 0; i < 3; i++) {
      const { said } = await host.next('progress', (reply) => reply.ref === flood);
      t.ok(said.length > 0 && said.length <= 4096, `${said.length} bytes`);
    }
    host.write(raw.stop(flood, 'cancelled', 1000));
    t.match(await host.exited(flood), { cause: 'cancelled', survivors: 0, outputLost: false });
  });

  t.test('a command that does not read, or closes its input, takes nothing more', async (t) => {
    const host = await greeted(t);
    const ref = host.start('echo up; exec sleep 100', { scalars: OPEN_STDIN });
    await host.next('growth', (reply) => reply.ref === ref);
    host.write(raw.input(ref, 'x'.repeat(200_000)));
    host.write(raw.ping(1));
    await host.next('pong');
    host.write(raw.stop(ref, 'cancelled', 1000));
    t.match(await host.exited(ref), { cause: 'cancelled', stdoutBytes: 3 });
    const closing = host.start('exec <&-; echo closed; exec sleep 100', { scalars: OPEN_STDIN });
    await host.next('growth', (reply) => reply.ref === closing);
    host.write(raw.input(closing, 'unread'));
    await host.next('input_taken', (reply) => reply.ref === closing && !reply.isOpen && reply.taken === 0);
    host.write(raw.stop(closing, 'cancelled', 1000));
    await host.exited(closing);
    const none = host.start('exec sleep 100');
    await host.next('started', (reply) => reply.ref === none);
    host.write(raw.input(none, 'unwanted'));
    await host.next('input_taken', (reply) => reply.ref === none && !reply.isOpen);
    host.write(raw.stop(none, 'cancelled', 1000));
    await host.exited(none);
  });

  t.test('many bytes of input arrive as they were sent', async (t) => {
    const host = await greeted(t);
    const ref = host.start('cat', { scalars: OPEN_STDIN });
    await host.next('started', (reply) => reply.ref === ref);
    const all = Buffer.from(Array.from({ length: 900_000 }, (_, i) => (i * 7919) >> 5));
    for (let at = 0; at < all.length; at += 150_000) {
      host.write(raw.input(ref, all.subarray(at, at + 150_000), at + 150_000 === all.length));
      await host.next('input_taken', (reply) => reply.ref === ref && reply.taken === at + 150_000);
    }
    t.match(await host.exited(ref), { exitCode: 0, stdoutBytes: 900_000 });
    t.ok(readFileSync(`${host.path(ref)}.log`).equals(all));
  });

  t.test('signals reach the first process, or all; they end nothing by themselves', async (t) => {
    const host = await greeted(t);
    const trap = 'trap "echo $0 usr1" USR1; echo up; while :; do sleep 0.01; done';
    const ref = host.start(`setsid bash -c '${trap}' other & exec bash -c '${trap}' first`);
    await host.next('growth', (reply) => reply.ref === ref && reply.stdoutBytes === 6);
    host.write(raw.signal(ref, 'SIGUSR1', 'main'));
    await host.next('growth', (reply) => reply.ref === ref && reply.stdoutBytes === 6 + 11);
    host.write(raw.signal(ref, 'SIGUSR1'));
    await host.next('growth', (reply) => reply.ref === ref && reply.stdoutBytes === 6 + 11 + 22);
    t.match(host.log(ref), /^up\nup\nfirst usr1\n/);
    host.write(raw.signal(ref, 'SIGKILL'));
    t.match(await host.exited(ref), { cause: 'signalled', signal: 'SIGKILL', survivors: 0 });
    host.write(raw.signal(ref, 'SIGUSR1'));
  });

  t.test('a command has a terminal, or is refused by name', async (t) => {
    const host = await greeted(t);
    // Without a process of its own when the interrupt comes: a shell goes on whose process has ended by itself meanwhile.
    const command =
      'tty >/dev/null && stty size; read -r a; echo "a=$a"; trap "stty size; echo resized" WINCH; echo up; while :; do read -t 0.02 -r b; done';
    const ref = host.start(command, { scalars: terminal(100, 30) });
    const begun = await Promise.race([host.next('started', (reply) => reply.ref === ref), host.ended(ref)]);
    if (begun.type === 'start_failed') {
      t.match(begun, { reason: 'terminal_unavailable', message: /The Node host does not offer terminals/ });
      return;
    }
    const logged = () => (existsSync(`${host.path(ref)}.log`) ? host.log(ref) : '');
    const said = async (text: string) =>
      until(`it says ${JSON.stringify(text)}`, () => logged().includes(text)).catch((error: Error) => {
        throw new Error(`${error.message}; it has said ${JSON.stringify(logged())}`);
      });
    await said('30 100\r\n');
    // Not before: the terminal writes it back between the text of a line and its end.
    host.write(raw.input(ref, 'hi\n'));
    await said('hi\r\na=hi\r\nup\r\n');
    host.write(raw.resize(ref, 80, 25));
    await said('25 80\r\nresized\r\n');
    host.write(raw.input(ref, '\x03'));
    t.match(await host.exited(ref), { cause: 'signalled', signal: 'SIGINT', stderrBytes: 0 });
    // A command that closes its side of the terminal before it exits is not hung up.
    const closing = host.start('read -r a; exec <&- >&- 2>&-; sleep 0.3; exit 7', {
      scalars: terminal(80, 24),
    });
    await host.next('started', (reply) => reply.ref === closing);
    host.write(raw.input(closing, 'x\n', true));
    t.match(await host.exited(closing), { cause: 'exited', exitCode: 7 });
    const piped = host.start('cat; echo "tty: $(tty <&1)"', { scalars: terminal(80, 24) });
    await host.next('started', (reply) => reply.ref === piped);
    host.write(raw.input(piped, 'no newline', true));
    t.match(await host.exited(piped), { exitCode: 0, leftovers: 0 });
    t.match(host.log(piped), /no newlineno newlinetty: (\/dev\/pts|not a tty)/);
  });
}
