// Webhooks that send mail: where they may send, what they say, and what becomes of it.
import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { senderOf, serverOf } from '../../src/domain/spec/mail.ts';
import { receiverUrl } from '../../src/domain/spec/receiver-url.ts';
import { asSubject } from '../../src/webhooks/mail-message.ts';
import { service, type SharedService, shell } from '../helpers/build.ts';
import { fakeClock } from '../helpers/clock.ts';
import { mailServer } from '../helpers/mail-server.ts';
import { freePort } from '../helpers/ports.ts';
import { until } from '../helpers/processes.ts';
import { tempDir } from '../helpers/temp.ts';
import { writeFileSync } from 'node:fs';

interface Delivery {
  state: string;
  tries: { status: number | null; error: string | null }[];
  next_try: string | null;
}
const FROM = { EXECUTION_MAIL_FROM: 'execd <execd@example.com>', EXECUTION_MAIL_DOMAINS: 'example.com' };
const TO = 'mailto:ops@example.com';

const deliveries = async (s: SharedService, id: string): Promise<Delivery[]> =>
  (await s.call<{ items: Delivery[] }>('GET', `/v1/webhooks/${id}/deliveries`)).body.items;

const subscribe = async (s: SharedService, body: object): Promise<string> => {
  const made = await s.call<{ id: string }>('POST', '/v1/webhooks', body);
  if (made.status !== 201) throw new Error(made.text);
  return made.body.id;
};

t.test('addresses are plain: nothing in them is a header, a parameter or another address', async (t) => {
  const rows: [string, boolean][] = [
    ['mailto:a@example.com', true],
    ['mailto:a.b+c@example.com,D_1@sub.example.com', true],
    [`mailto:${Array.from({ length: 10 }, (_, i) => `a${i}@x.org`).join(',')}`, true],
    [`mailto:${Array.from({ length: 11 }, (_, i) => `a${i}@x.org`).join(',')}`, false],
    ['mailto:', false],
    ['mailto:a', false],
    ['mailto:@example.com', false],
    ['mailto:a@example.com?bcc=b@example.com', false],
    ['mailto:a@example.com?subject=x', false],
    ['mailto:a%0ABcc:b@example.com', false],
    ['mailto:a\r\nBcc: b@example.com', false],
    ['mailto:a@example.com\n', false],
    ['mailto:a@example.com, b@example.com', false],
    ['mailto:"a b"@example.com', false],
    ['mailto:a@b@example.com', false],
    ['mailto:<a@example.com>', false],
    ['mailto:a@[127.0.0.1]', false],
    ['mailto:a@-x.com', false],
    ['mailto:.a@example.com', false],
    ['mailto:ä@example.com', false],
    [`mailto:${'a'.repeat(65)}@example.com`, false],
    ['MAILTO:a@example.com', false],
    ['smtp://example.com', false],
    ['https://example.com/x', true],
  ];
  for (const [url, isGood] of rows) t.equal(receiverUrl.safeParse(url).success, isGood, JSON.stringify(url));
  t.equal(asSubject('a\r\nBcc: b@example.com\u2028c\u202ed'), 'a Bcc: b@example.com c d');
  t.equal(asSubject('x'.repeat(500)).length, 200);
  t.same(senderOf('execd <e@example.com>'), { name: 'execd', address: 'e@example.com' });
  t.equal(senderOf('a\r\nBcc: x <e@example.com>'), null);
  for (const wrong of [
    'smtp://u:p@h',
    'http://h',
    'smtp://h/x',
    'smtp://h?x',
    'smtp://h h',
    'mail.example.com',
  ])
    t.equal(serverOf(wrong), null, wrong);
  const wrong = { EXECUTION_MAIL_URL: 'smtp://me@h' };
  t.throws(
    () => loadConfig(wrong),
    /EXECUTION_MAIL_FROM: is required[^]*EXECUTION_MAIL_DOMAINS: is required/,
  );
  t.throws(() => loadConfig(wrong), /EXECUTION_MAIL_PASSWORD_FILE: must be set/);
});

t.test('a webhook sends mail: its own text or that of the event, once for each end', async (t) => {
  const mail = await mailServer(t, { wantsUser: true });
  const file = `${tempDir(t)}/password`;
  writeFileSync(file, 'secret\n', { mode: 0o600 });
  const env = { ...FROM, EXECUTION_MAIL_URL: mail.url('me'), EXECUTION_MAIL_PASSWORD_FILE: file };
  const s = await service(t, env);
  const end = async (id: string, count = 1): Promise<Delivery> => {
    await until(`${count} are sent`, async () => {
      const all = await deliveries(s, id);
      return all.length === count && all.every(({ state }) => state !== 'pending');
    });
    return (await deliveries(s, id))[0] as Delivery;
  };
  await t.test('with a template', async (t) => {
    const template = {
      subject: '"failed: " + event.task_id',
      body: '"It ended with " + string(event.outcome.exit_code) + ".\\n.\\nBcc: x@example.com"',
    };
    const id = await subscribe(s, {
      url: `${TO},dev@example.com`,
      when: 'event.status == "failed"',
      template,
    });
    await s.run({ ...shell('exit 3'), task_id: 'nightly' });
    t.match(await end(id), { state: 'delivered', tries: [{ status: 250, error: null }] });
    const [one] = mail.mails.splice(0);
    t.match(one, { from: 'execd@example.com', to: ['ops@example.com', 'dev@example.com'], user: 'me' });
    const [head = '', body] = one?.text.split('\r\n\r\n') ?? [];
    t.match(
      head,
      /^From: execd <execd@example.com>\r\nTo: ops@example.com, dev@example.com\r\nSubject: failed: nightly\r$/m,
    );
    t.match(head, new RegExp(String.raw`^Message-ID:\r\n <[0-9a-f-]{36}\.\d+\.${id}@example.com>\r$`, 'm'));
    t.match(head, /^Auto-Submitted: auto-generated\r$/m);
    t.notMatch(head, /Bcc/);
    t.equal(body, 'It ended with 3.\r\n.\r\nBcc: x@example.com\r\n');
    await s.run(shell('true'));
    t.match(await end(id, 2), { state: 'skipped', tries: [] });
    const preview = await s.call<{ body: string }>('POST', `/v1/webhooks/${id}/preview`, {
      event: { status: 'failed', task_id: 'a\r\nBcc: y@example.com', outcome: { exit_code: 1 } },
    });
    t.match(preview.body, { sent: true, headers: { to: /ops@/, subject: 'failed: a Bcc: y@example.com' } });
    t.match((await s.call('POST', `/v1/webhooks/${id}/rotate-secret`)).status, 400);
    await s.call('DELETE', `/v1/webhooks/${id}`);
  });
  await t.test('without one, also of a single execution', async (t) => {
    const webhook = { url: TO, result: true };
    const { id } = await s.run({ ...shell('echo done; echo "<b>" >&2; exit 1'), webhook });
    t.match(await end(id), { state: 'delivered' });
    const [one] = mail.mails.splice(0);
    t.match(one?.text, /^Subject: =\?UTF-8\?/m);
    t.match(
      // Soft line breaks of quoted-printable.
      one?.text.replaceAll('=\r\n', ''),
      new RegExp(`status: failed\r\nkind: shell\r\n[^]*execution_id: ${id}\r\n[^]*result: {"stdout":"done`),
    );
    const test = await s.call('POST', `/v1/webhooks/${await subscribe(s, { url: TO })}/test`);
    t.match(test.body, { status: 250, error: null });
  });
  await t.test('what cannot be sent is refused by name', async (t) => {
    const rows: [object, string, RegExp][] = [
      [{ url: 'mailto:a@example.org' }, '/url', /a@example\.org.*EXECUTION_MAIL_DOMAINS/],
      [{ url: 'mailto:a@sub.example.com' }, '/url', /sub\.example\.com/],
      [{ url: TO, template: 'slack' }, '/template', /for chats/],
      [{ url: TO, template: { body: '1', headers: { a: 'b' } } }, '/template/headers', /left out/],
      [
        { url: TO, template: { body: '1', content_type: 'image/png' } },
        '/template/content_type',
        /text\/plain/,
      ],
      [{ url: TO, template: { body: '1', subject: 'nobody.x' } }, '/template/subject', /nobody/],
      [{ url: TO, secret: `whsec_${'A'.repeat(32)}` }, '/secret', /not signed/],
      [{ url: 'https://example.com', template: { body: '1', subject: '2' } }, '/template/subject', /mailto/],
    ];
    for (const [body, field, message] of rows) {
      t.match(await s.call('POST', '/v1/webhooks', body), {
        status: 400,
        body: { errors: [{ field, message }] },
      });
      t.match(await s.call('POST', '/v1/executions', { ...shell('true'), webhook: body }), {
        status: 400,
        body: { errors: [{ field: `/webhook${field}`, message }] },
      });
    }
  });
  await t.test('an address that is not there ends it; one of several is named', async (t) => {
    mail.judge = (address) => (address.startsWith('gone') ? 550 : null);
    const run = async (url: string) => {
      const { id } = await s.run({ ...shell('true'), webhook: { url } });
      return end(id);
    };
    t.match(await run('mailto:gone@example.com'), {
      state: 'failed',
      tries: [{ status: 550, error: /the mail server responded: 550 not here/ }],
    });
    t.match(await run(`${TO},gone@example.com`), {
      state: 'delivered',
      tries: [{ status: 250, error: 'the mail server refused gone@example.com' }],
    });
  });
  writeFileSync(file, 'wrong');
  const id = await subscribe(s, { url: TO });
  t.match((await s.call('POST', `/v1/webhooks/${id}/test`)).body, {
    status: null,
    error: 'the mail server takes no mail now (EAUTH)',
  });
});

t.test('mail is retried, waits for its server, and is as much as a user may send', async (t) => {
  const clock = fakeClock();
  const mail = await mailServer(t);
  mail.judge = () => 451;
  const env = { ...FROM, EXECUTION_MAIL_URL: mail.url(), EXECUTION_MAIL_PER_HOUR: '2' };
  const s = await service(t, { ...env, EXECUTION_AUTO_CLEANUP: 'false' }, { clock });
  const id = await subscribe(s, { url: TO });
  const run = async () => {
    const { id } = await s.submit(shell('true'));
    const phase = async () => (await s.call<{ phase: string }>('GET', `/v1/executions/${id}`)).body.phase;
    while ((await phase()) !== 'done') await clock.advance(10);
  };
  const states = async () => (await deliveries(s, id)).map(({ state, tries }) => [state, tries.length]);
  /** The clock jumps to the next try, and goes in small steps while there is one, which has a limit on it. */
  const ticking = (what: string, isSo: () => Promise<boolean>) =>
    until(what, async () => {
      const next = (await deliveries(s, id))[0]?.next_try ?? null;
      const waitMs = next === null ? 0 : Date.parse(next) - clock.now();
      await clock.advance(waitMs > 1000 ? waitMs : 10);
      return isSo();
    });
  await run();
  await ticking('it was tried', async () => (await states())[0]?.[1] === 1);
  t.match((await deliveries(s, id))[0], {
    state: 'pending',
    tries: [{ status: 451, error: /451 not here/ }],
  });
  mail.judge = () => null;
  await ticking('it is sent', async () => (await states())[0]?.[0] === 'delivered');
  await run();
  await ticking('the next one is noted', async () => (await states()).length === 2);
  await clock.advance(1000);
  t.same((await states())[0], ['pending', 0], 'two tries in an hour have been made');
  await ticking('it goes out later', async () => (await states())[0]?.[0] === 'delivered');
  t.equal(mail.mails.length, 2);
});

t.test('without a mail server there is no mail, and one that is away counts as failed', async (t) => {
  const s = await service(t);
  t.match(await s.call('POST', '/v1/webhooks', { url: TO }), {
    status: 400,
    body: { errors: [{ field: '/url', message: /EXECUTION_MAIL_URL/ }] },
  });
  const away = await service(t, { ...FROM, EXECUTION_MAIL_URL: `smtp://127.0.0.1:${await freePort()}` });
  const id = await subscribe(away, { url: TO });
  t.match((await away.call('POST', `/v1/webhooks/${id}/test`)).body, {
    status: null,
    error: /^the mail server takes no mail now \(E/,
  });
});
