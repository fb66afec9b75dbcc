// Commands that are spoken with while they run: input in parts, signals.
import t from 'tap';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { rawRequest, type SharedService, sharedService, shell } from '../helpers/build.ts';
import { until } from '../helpers/processes.ts';

const BYTES = { 'content-type': 'application/octet-stream' };
const OPEN = { stdin: { open: true } };
interface State {
  attempt: number;
  offset: number;
  open: boolean;
}

const send = (s: SharedService, id: string, query: string, bytes?: string | Uint8Array) =>
  s.call<State>('POST', `/v1/executions/${id}/stdin${query}`, bytes, bytes === undefined ? {} : BYTES);
const logOf = async (s: SharedService, id: string) =>
  (await s.call<string>('GET', `/v1/executions/${id}/logs?format=raw`)).text;
const says = (s: SharedService, id: string, text: string) =>
  until(`it says ${JSON.stringify(text)}`, async () => (await logOf(s, id)).includes(text));

const HOSTS = { native: {}, node: { EXECUTION_RUNNER_HOST: 'node' } };
for (const [host, env] of Object.entries(HOSTS)) {
  t.test(`input comes in parts, each once, and ends when it is closed: ${host} host`, async (t) => {
    const s = await sharedService(t, env);
    const { id } = await s.submit(shell('while read -r line; do echo "<$line>"; done; echo end', OPEN));
    t.match(await send(s, id, '', 'one\ntw'), { status: 200, body: { attempt: 1, offset: 6, open: true } });
    t.match((await send(s, id, '?offset=4', 'two\nth')).body, { offset: 10 }, 'what is known is skipped');
    t.match((await send(s, id, '?offset=0', 'one\n')).body, { offset: 10 }, 'a repeat does no harm');
    t.match(await send(s, id, '?offset=11', 'x'), {
      status: 409,
      body: {
        type: 'urn:execd:error:input_offset',
        errors: [{ field: '?offset', message: /is 11, but execd has 10 bytes/ }],
      },
    });
    await says(s, id, '<one>\n<two>\n');
    t.match((await send(s, id, '?offset=10&close=true', 'ree\n')).body, { offset: 14, open: false });
    const again = await send(s, id, '?offset=10&close=true', 'ree\n');
    t.ok(again.status === 200 || again.status === 409, `a repeat of the last part: ${again.status}`);
    t.match(await s.finished(id), { status: 'completed' });
    t.equal(await logOf(s, id), '<one>\n<two>\n<three>\nend\n');
    t.match(await send(s, id, '', 'late'), {
      status: 409,
      body: { type: 'urn:execd:error:execution_finished' },
    });
  });

  t.test(`a signal reaches the command, and shows in its end: ${host} host`, async (t) => {
    const s = await sharedService(t, env);
    const { id } = await s.submit(shell('trap "echo reloaded" HUP; echo up; while :; do sleep 0.02; done'));
    await says(s, id, 'up\n');
    const signal = (body: object) => s.call('POST', `/v1/executions/${id}/signals`, body);
    t.match(await signal({ signal: 'SIGHUP', scope: 'main' }), {
      status: 202,
      body: { execution_id: id, attempt: 1, signal: 'SIGHUP', scope: 'main' },
    });
    await says(s, id, 'reloaded\n');
    t.match(await signal({ signal: 'HUP' }), { status: 400 });
    await signal({ signal: 'SIGKILL' });
    t.match(await s.finished(id), { status: 'failed', outcome: { cause: 'signalled', signal: 'SIGKILL' } });
    t.match(await signal({ signal: 'SIGHUP' }), { status: 409 });
  });
}

t.test('what cannot take input says so by name, and waits no longer than it was told', async (t) => {
  const s = await sharedService(t);
  const deaf = await s.submit(shell('sleep 60', OPEN));
  await s.inPhase(deaf.id, 'running');
  const stalled = await send(s, deaf.id, '?wait=0', new Uint8Array(1_000_000));
  t.match(stalled, {
    status: 409,
    body: { type: 'urn:execd:error:input_not_read', detail: /Continue at this offset/ },
  });
  const held = Number(/taken in (\d+) bytes/.exec(stalled.text)?.[1]);
  t.ok(held >= 256 * 1024 && held <= 256 * 1024 + 1_100_000, `${held} bytes are held`);
  const plain = await s.submit(shell('sleep 60'));
  await s.inPhase(plain.id, 'running');
  t.match(await send(s, plain.id, '', 'x'), {
    status: 409,
    body: { type: 'urn:execd:error:input_closed', detail: /Submit it with stdin \{"open": true\}/ },
  });
  const later = await s.submit(shell('true', { ...OPEN, delay_ms: 60_000 }));
  t.match(await send(s, later.id, '?wait=0', 'x'), {
    status: 409,
    body: { type: 'urn:execd:error:execution_not_running' },
  });
  t.equal((await s.call('POST', `/v1/executions/${plain.id}/stdin`, {})).status, 415);
});

t.test('input that comes later fits neither retries nor the cache nor a terminal with a text', async (t) => {
  const s = await sharedService(t);
  const cases: [object, string][] = [
    [{ ...OPEN, retry: { attempts: 2 } }, '/retry'],
    [{ ...OPEN, retry_safe: true }, '/retry_safe'],
    [{ ...OPEN, cache: {} }, '/cache'],
    [{ tty: { cols: 80, rows: 24 }, stdin: 'text' }, '/stdin'],
    [{ tty: { cols: 0, rows: 24 } }, '/tty/cols'],
    [{ stdin: { open: false } }, '/stdin'],
  ];
  for (const [more, field] of cases) {
    const { status, body } = await s.call<{ errors: { field: string }[] }>(
      'POST',
      '/v1/executions',
      shell('true', more),
    );
    t.match({ status, field: body.errors[0]?.field.slice(0, field.length) }, { status: 400, field });
  }
});

t.test('a terminal, or its refusal by name', async (t) => {
  const s = await sharedService(t);
  const made = await s.submit(
    shell('stty size; echo $TERM; read -r a; echo "<$a>"', { tty: { cols: 90, rows: 20 } }),
  );
  await says(s, made.id, 'xterm-256color\r\n');
  await send(s, made.id, '', 'typed\n');
  t.match(await s.finished(made.id), {
    result: { stdout: '20 90\r\nxterm-256color\r\ntyped\r\n<typed>\r\n', stderr: '' },
  });
  const none = await sharedService(t, HOSTS.node);
  const refused: ExecutionWire = await none.run(shell('true', { tty: { cols: 90, rows: 20 } }));
  t.match(refused, {
    status: 'failed',
    outcome: { cause: 'spawn_failed', reason: 'terminal_unavailable' },
    error: { message: /The Node host does not offer terminals/ },
  });
});

interface Said {
  type: string;
  [name: string]: unknown;
}

/** A WebSocket that is attached, with what has come over it. */
async function attach(s: SharedService, id: string, query = '') {
  const socket = new WebSocket(`${s.url.replace('http', 'ws')}/v1/executions/${id}/attach${query}`);
  socket.binaryType = 'arraybuffer';
  const said: Said[] = [];
  const output: Buffer[] = [];
  let offset = 0;
  socket.addEventListener('message', (event) => {
    const data = event.data as string | ArrayBuffer;
    if (typeof data === 'string') return void said.push(JSON.parse(data) as Said);
    const bytes = Buffer.from(data);
    output.push(bytes.subarray(13));
    offset = Number(bytes.readBigUInt64BE(5)) + bytes.length - 13;
  });
  const closed = new Promise<CloseEvent>((resolve) =>
    socket.addEventListener('close', (event) => resolve(event)),
  );
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve());
    socket.addEventListener('error', () => reject(new Error('the connection was refused')));
  });
  return {
    closed,
    text: () => Buffer.concat(output).toString(),
    cursor: () => `1.${offset}`,
    close: () => socket.close(),
    say: (message: object) => socket.send(JSON.stringify(message)),
    input(at: number, text: string) {
      const head = Buffer.alloc(8);
      head.writeBigUInt64BE(BigInt(at));
      socket.send(Buffer.concat([head, Buffer.from(text)]));
    },
    said: async (type: string): Promise<Said> => {
      await until(`it says ${type}`, () => said.some((one) => one.type === type));
      return said.splice(
        said.findIndex((one) => one.type === type),
        1,
      )[0] as Said;
    },
  };
}

t.test('a WebSocket carries output, input, sizes and signals, and another one continues it', async (t) => {
  const s = await sharedService(t);
  const command =
    'trap "stty size" WINCH; echo up; while read -r a || [ $? -gt 128 ]; do echo "<$a>"; done; echo end';
  const { id } = await s.submit(shell(command, { tty: { cols: 80, rows: 24 } }));
  const one = await attach(s, id);
  t.match(await one.said('ready'), {
    execution_id: id,
    attempt: 1,
    tty: true,
    input: { offset: 0, open: true },
  });
  one.input(0, 'first\n');
  t.match(await one.said('input'), { offset: 6, open: true });
  await until('it has answered', () => one.text().includes('<first>\r\n'));
  const cursor = one.cursor();
  one.close();
  await one.closed;
  const two = await attach(s, id, `?cursor=${cursor}`);
  t.match(await two.said('ready'), { input: { offset: 6 } });
  two.input(0, 'first\n');
  t.match(await two.said('input'), { offset: 6 }, 'what is known is skipped');
  two.input(9, 'x');
  t.match(await two.said('error'), { error: 'input_offset', detail: /continue there/ });
  two.say({ type: 'resize', cols: 132, rows: 50 });
  two.say({ type: 'signal', signal: 'SIGWINCH', scope: 'main' });
  two.input(6, 'second\n');
  await until('it has answered', () =>
    /50 132\r\n[^]*<second>\r\n|<second>\r\n[^]*50 132\r\n/.test(two.text()),
  );
  t.notMatch(two.text(), /first/, 'what the first one had got does not come again');
  two.say({ type: 'close_input', offset: 13 });
  t.match(await two.said('end'), { exit_code: 0, cause: 'exited', complete: true });
  t.match(await two.closed, { code: 1000 });
});

t.test('a WebSocket to what has ended gets the output and the end; nonsense ends it', async (t) => {
  const s = await sharedService(t);
  const { id } = await s.run(shell('echo out; exit 3'));
  const one = await attach(s, id);
  t.match(await one.said('end'), { exit_code: 3 });
  await one.closed;
  t.equal(one.text(), 'out\n');
  const live = await s.submit(shell('sleep 60'));
  const two = await attach(s, live.id);
  await two.said('ready');
  two.input(0, 'x');
  t.match(await two.said('error'), { error: 'input_closed' });
  two.say({ type: 'resize', cols: 80, rows: 24 });
  t.match(await two.said('error'), { error: 'no_terminal', detail: /Submit it with tty/ });
  two.say({ type: 'dance' });
  t.match(await two.closed, { code: 1003 });
  t.match(await s.call('GET', `/v1/executions/${id}/attach`), {
    status: 426,
    body: { type: 'urn:execd:error:websocket_required' },
  });
  await t.rejects(attach(s, '01900000-0000-7000-8000-000000000000'), /refused/);
  const upgraded = await rawRequest(s.url, {
    path: `/v1/executions/${id}`,
    headers: { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': '' },
  });
  t.equal(upgraded.status, 200, 'an upgrade that is not offered is left out');
});
