// The list of faults: output, logs, and those who follow them. Each test is named as its case.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fault, type Victim } from '../helpers/fault-case.ts';
import { descriptorsOf, until } from '../helpers/processes.ts';
import type { Lifetime } from '../helpers/scope.ts';
import { openStream } from '../helpers/sse.ts';
import { isBelow, pathsBelow, tempDir } from '../helpers/temp.ts';

interface LogRecord {
  seq: number;
  stream: string;
  text?: string;
  base64?: string;
  end?: boolean;
}

/** What JSON has to escape, but tabs and line breaks. */
const CONTROLS = /(?![\t\r\n\x7f-\x9f])\p{Cc}/u;

async function records(it: Victim, id: string): Promise<LogRecord[]> {
  const text = await it.text(`/v1/executions/${id}/logs?format=ndjson`);
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as LogRecord);
}

/** Files of the log of an execution. */
function logFiles(it: Victim, id: string): string[] {
  const logs = join(it.dataDir, 'logs');
  return pathsBelow(logs)
    .filter((name) => name.includes(id))
    .map((name) => join(logs, name))
    .sort();
}

fault('1 GB stdout', async (t, it) => {
  // As much as takes a moment; all of it is in test/long/faults.ts.
  const bytes = 50e6;
  const end = await it.run(`head -c ${bytes} /dev/zero`, { output: { max_bytes: 1_000_000 } });
  t.match(end, {
    status: 'completed',
    output: { stdout_bytes: bytes, stdout_kept_bytes: 1_000_000, truncated: true },
  });
  t.equal((await it.log(end.id)).length, 1_000_000);
  const stopped = await it.run(`head -c ${bytes} /dev/zero; sleep 600`, {
    output: { max_bytes: 1000, oversized: 'fail' },
  });
  t.match(stopped, { status: 'failed', outcome: { cause: 'output_limit', limit_bytes: 1000 } });
});

fault('terminal escapes, OSC 52/8, CR overwrites, NUL, bidi', async (t, it) => {
  const evil =
    '\x1b]52;c;ZXZpbA==\x07\x1b]8;;http://x\x07a\rb\0\u202ec\x9b31m\n{"level":60,"msg":"forged"}\n';
  const end = await it.run('cat; cat /no/such >&2', { stdin: evil });
  t.equal(
    (await it.log(end.id)).subarray(0, Buffer.byteLength(evil)).toString(),
    evil,
    'the bytes are exact',
  );
  for (const path of [
    `/v1/executions/${end.id}`,
    `/v1/executions/${end.id}/logs?format=ndjson`,
    `/v1/executions/${end.id}/events?output=true`,
  ]) {
    // JSON and events escape them.
    t.notMatch(await it.text(path), CONTROLS, path);
  }
  const answer = await fetch(`${it.url}/v1/executions/${end.id}/logs`);
  t.match(answer.headers.get('content-type'), /^text\/plain/);
  t.equal(answer.headers.get('x-content-type-options'), 'nosniff');
  await it.refused({ kind: 'exec', program: 'true', args: [evil] });
  await fetch(`${it.url}/v1/executions/${encodeURIComponent(evil)}?x=${encodeURIComponent(evil)}`, {
    headers: { 'user-agent': 'a\x9b31m' },
  });
  t.notMatch(it.server.output(), CONTROLS, "the server's own log escapes them too");
  t.notMatch(it.server.output(), /^\{"level":60,"msg":"forged"\}/m);
});

function secrets(t: Lifetime): Record<string, string> {
  const dir = tempDir(t);
  writeFileSync(join(dir, 'value'), 'caf/é+sécret=1', { mode: 0o600 });
  const file = join(dir, 'secrets.json');
  const text = JSON.stringify({ secrets: { canary: { file: join(dir, 'value'), users: 'any' } } });
  writeFileSync(file, text, { mode: 0o600 });
  return { EXECUTION_SECRETS_FILE: file, EXECUTION_LOG_LEVEL: 'debug' };
}

fault(
  'secret value in output: plain, base64, url-encoded, split over two chunks',
  async (t, it) => {
    const value = 'caf/é+sécret=1';
    const command =
      'echo "$S"; printf %s "$S" | base64; printf %s "x$S" | base64; U="caf%2F%C3%A9"; echo "$U%2Bs%C3%A9cret%3D1"; printf "%s" "${S:0:5}"; sleep 0.1; echo "${S:5}"; echo "$S" >&2; exit 3';
    const end = await it.run(command, { env: { S: { secret: 'canary' } } });
    t.match(end, { status: 'failed', outcome: { exit_code: 3 } });
    const forms = [value, encodeURIComponent(value), Buffer.from(value).toString('base64').slice(0, 16)];
    const log = (await it.log(end.id)).toString();
    t.equal(log.split('[redacted]').length - 1, 6, log);
    const told = [log, JSON.stringify(end), await it.text('/metrics'), it.server.output()];
    told.push(await it.text(`/v1/executions/${end.id}/events?output=true`));
    for (const form of forms)
      t.notOk(
        told.some((text) => text.includes(form)),
        form,
      );
    for (const form of forms) t.notOk(isBelow(it.dataDir, form), `no file has ${form}`);
  },
  { env: secrets },
);

fault('script truncates through file stdout', async (t, it) => {
  const { id } = await it.run('echo first; echo second > /dev/stdout; : > /dev/stderr; echo third');
  t.equal((await it.log(id)).toString(), 'first\nsecond\nthird\n');
});

fault('interleaving order stdout/stderr', async (t, it) => {
  const { id } = await it.run('for i in $(seq 200); do echo o$i; echo e$i >&2; done');
  const all = (await records(it, id)).filter(({ end }) => end === undefined);
  t.same(
    all.map(({ seq }) => seq),
    all.map((_, i) => i + 1),
    'the numbers grow by one',
  );
  for (const [stream, letter] of [
    ['stdout', 'o'],
    ['stderr', 'e'],
  ]) {
    const text = all.flatMap((one) => (one.stream === stream ? [one.text ?? ''] : [])).join('');
    const expected = Array.from({ length: 200 }, (_, i) => `${letter}${i + 1}\n`).join('');
    t.equal(text, expected, `${stream} is in order`);
  }
});

fault(
  'log file replaced by symlink / FIFO / directory / deleted while running',
  async (t, it) => {
    const replacements: Record<string, (path: string) => void> = {
      symlink: (path) => symlinkSync('/etc/passwd', path),
      FIFO: (path) => void execFileSync('mkfifo', [path]),
      directory: (path) => mkdirSync(path),
      deleted: () => undefined,
    };
    for (const [what, replace] of Object.entries(replacements)) {
      const cwd = tempDir(t);
      const { id } = await it.begun('echo up; until [ -e go ]; do sleep 0.02; done; echo more', { cwd });
      const files = logFiles(it, id);
      t.equal(files.length, 2, 'a log and its index');
      for (const path of files) {
        rmSync(path);
        replace(path);
      }
      writeFileSync(join(cwd, 'go'), '');
      t.match(await it.finished(id), { status: 'completed' }, `${what}: the run does not mind`);
      for (const query of ['', '?format=ndjson', '?format=raw', '?tail=5']) {
        const answer = await fetch(`${it.url}/v1/executions/${id}/logs${query}`);
        const text = await answer.text();
        t.notMatch(text, /root:/, `${what}${query}: nothing else is read`);
        const isTold = answer.status === 410 || answer.status === 500 || text.includes('"complete":false');
        t.ok(isTold, `${what}${query}: ${answer.status}`);
      }
      t.match(await it.run('echo alive'), { status: 'completed' });
      for (const path of files) rmSync(path, { recursive: true, force: true });
    }
  },
  { logs: /log/ },
);

fault(
  'EIO on read of a finished log',
  async (t, it) => {
    const { id } = await it.run('seq 1000');
    const other = await it.run('echo other');
    const whole = await it.log(id);
    const mend = await failReads(it.pid, logFiles(it, id)[1] ?? '');
    for (const query of ['', '?format=ndjson', '?format=raw', '?format=sse', '?tail=5', '?follow=true']) {
      const answer = await fetch(`${it.url}/v1/executions/${id}/logs${query}`);
      t.equal(answer.status, 500, query);
      t.match(await answer.json(), { type: 'urn:execd:error:log_unreadable', retryable: true });
    }
    t.match(await (await fetch(`${it.url}/health`)).json(), { status: 'healthy' });
    t.equal((await it.log(other.id)).toString(), 'other\n', 'that of others can be read');
    t.match(await it.get(`/v1/executions/${id}`), { status: 'completed' }, 'the execution is what it was');
    t.match(await it.run('echo more'), { status: 'completed' });
    await mend();
    t.ok((await it.log(id)).equals(whole), 'when the disk can be read, so can the log');
  },
  { skip: spawnSync('strace', ['-V']).status !== 0 && 'there is no strace' },
);

/** From now on reading this file fails; answers how to end that. */
async function failReads(pid: number, path: string): Promise<() => Promise<void>> {
  const calls = 'read,pread64,readv,preadv';
  const tracer = spawn(
    'strace',
    ['-f', '-o', '/dev/null', '-P', path, '-e', `trace=${calls}`, '-e', `inject=${calls}:error=EIO`].concat(
      ...['-p', String(pid)],
    ),
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  tracer.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const gone = new Promise((resolve) => tracer.once('close', resolve));
  await until('it is attached', () => {
    if (tracer.exitCode !== null) throw new Error(said);
    return said.includes('attached');
  });
  return async () => {
    tracer.kill('SIGINT');
    await gone;
  };
}

fault('output after terminal state', async (t, it) => {
  const end = await it.run('(trap "" TERM HUP; while :; do echo late; sleep 0.01; done) & echo first');
  t.match(end, { status: 'completed', outcome: { process: { survivors: 0 } } });
  const digest = async () =>
    createHash('sha256')
      .update(await it.log(end.id))
      .digest('hex');
  const before = await digest();
  await it.run('sleep 0.1');
  t.equal(await digest(), before, 'nothing comes afterwards');
  const { output } = await it.get(`/v1/executions/${end.id}`);
  t.equal(output.stdout_kept_bytes, (await it.log(end.id)).length);
});

// --------------------------------------------------------------------------------- streaming and clients

fault('client disconnects mid-stream', async (t, it) => {
  const { id } = await it.begun('while :; do echo more; sleep 0.01; done');
  const { hostname, port } = new URL(it.url);
  await it.text('/livez');
  const before = descriptorsOf(it.pid);
  for (const path of [`/v1/executions/${id}/logs?follow=true`, `/v1/executions/${id}/events?output=true`]) {
    for (let i = 0; i < 20; i++) {
      const socket = connect(Number(port), hostname);
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      await new Promise((resolve) => socket.once('data', resolve));
      socket.resetAndDestroy();
    }
  }
  await until('their descriptors are free', () => descriptorsOf(it.pid) <= before + 2);
  t.match(await it.get(`/v1/executions/${id}`), { status: 'running' }, 'the execution goes on');
  t.match(await it.cancel(id), { status: 'cancelled' });
});

fault(
  'resume with Last-Event-ID: future, past retention, garbage, other execution',
  async (t, it) => {
    const one = await it.run('echo one');
    const other = await it.run('echo other; echo other');
    const resume = async (path: string, id: string) => {
      const answer = await fetch(it.url + path, { headers: { 'last-event-id': id } });
      return { status: answer.status, text: await answer.text() };
    };
    const path = `/v1/executions/${one.id}/events?output=true`;
    const ids = [...(await it.text(path)).matchAll(/^id: (.*)$/gm)].map(([, id]) => id ?? '');
    t.ok(ids.length >= 4);
    const whole = await it.text(path);
    const exact = await resume(path, ids[1] ?? '');
    t.equal(exact.status, 200);
    t.ok(whole.endsWith(exact.text.slice(exact.text.indexOf('id: '))), 'the rest, and only that');
    t.equal((await resume(path, ids.at(-1) ?? '')).status, 204, 'there is nothing more');
    for (const id of ['999.1.0', 'garbage', '-1', '1e9', '2.1.999999', '1.1.0; drop', other.id])
      t.match(await resume(path, id), { status: 400, text: /invalid_event_id/ }, id);
    const all = [...(await readSome(`${it.url}/v1/events`)).matchAll(/^id: (.*)$/gm)].map(
      ([, id]) => id ?? '',
    );
    t.equal((await resume(path, all[0] ?? '')).status, 400, 'that of another stream');
    for (const { id } of [one, other])
      t.equal((await fetch(`${it.url}/v1/executions/${id}`, { method: 'DELETE' })).status, 204);
    it.accepted.delete(one.id);
    it.accepted.delete(other.id);
    t.match(await resume('/v1/events', all[0] ?? ''), { status: 410, text: /events_gone/ });
  },
  { isAlone: true },
);

/** The beginning of a stream. */
async function readSome(url: string): Promise<string> {
  const stream = await openStream(url);
  await stream.until(() => stream.messages.length > 3);
  stream.cut();
  return stream.messages.map(({ id }) => `id: ${id}\n`).join('');
}

fault('follow a finished, cancelled, deleted, foreign execution', async (t, it) => {
  const finished = await it.run('echo done');
  const { id } = await it.begun('echo begun; sleep 600');
  const cancelled = await it.cancel(id);
  const gone = await it.run('echo gone');
  await fetch(`${it.url}/v1/executions/${gone.id}`, { method: 'DELETE' });
  it.accepted.delete(gone.id);
  for (const one of [finished, cancelled]) {
    t.match(
      await it.text(`/v1/executions/${one.id}/logs?follow=true`),
      /^(done|begun)\n$/,
      'it ends at once',
    );
    t.match(await it.text(`/v1/executions/${one.id}/events`), /event: (completed|cancelled)/);
  }
  for (const one of [gone.id, '01a1fea2-9ccc-7000-96e4-22afddf9fbb9', 'nonsense'])
    for (const what of ['logs?follow=true', 'events', 'events?output=true'])
      t.equal((await fetch(`${it.url}/v1/executions/${one}/${what}`)).status, 404, `${one} ${what}`);
});

fault('proxy buffering, idle 10 min', async (t, it) => {
  // The comment every 15 seconds is in test/http/events.test.ts, with a clock that waits for no time.
  const { id } = await it.begun('echo up; sleep 600');
  for (const path of [`/v1/executions/${id}/events`, '/v1/events']) {
    const stream = await openStream(it.url + path);
    t.match(stream.headers, { 'x-accel-buffering': 'no', 'content-type': /^text\/event-stream/ });
    t.match(stream.headers['cache-control'], /no-(cache|store|transform)/);
    stream.cut();
  }
  await it.cancel(id);
});
