// Hooks of adnanh/webhook: what becomes of them, and that deliveries find the same command, arguments and conditions as before.
import { createHmac } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { importWebhook } from '../../src/bin/import-webhook.ts';
import { resolveOperation } from '../../src/domain/operations/operation.ts';
import { createHooks } from '../../src/hooks/hooks.ts';
import { convertHooks } from '../../src/import/webhook/convert.ts';
import { parseYaml } from '../../src/operator-files/read-yaml.ts';
import { conditionsHere } from '../helpers/conditions.ts';
import { registryOf } from '../helpers/operations.ts';
import { tempDir } from '../helpers/temp.ts';

const SECRET = 'a-shared-secret';
const signed = (type = 'payload-hmac-sha256', header = 'X-Hub-Signature-256') => ({
  match: { type, secret: SECRET, parameter: { source: 'header', name: header } },
});
const is = (name: string, value: string, source = 'payload') => ({
  match: { type: 'value', value, parameter: { source, name } },
});
const hook = (more: object) => ({ id: 'h', 'execute-command': '/srv/run.sh', ...more });
const convert = (...hooks: object[]) => convertHooks(hooks, 'ci');
/** What is said of a hook, as `type field: message`. */
const said = (more: object) =>
  convert(hook(more)).remarks.map(({ type, field, message }) => `${type} ${field}: ${message}`);

t.test('proofs of senders become schemes; a rule without one needs a token', async (t) => {
  const proofs: [object | null, object, string?][] = [
    [signed(), { scheme: 'github' }],
    [signed('payload-hash-sha1', 'X-Hub-Signature'), { scheme: 'hmac', algorithm: 'sha1', prefix: 'sha1=' }],
    [signed('payload-hash-sha512', 'X-Sig'), { scheme: 'hmac', header: 'X-Sig', algorithm: 'sha512' }],
    [is('X-Gitlab-Token', SECRET, 'header'), { scheme: 'gitlab' }],
    [is('Authorization', `Bearer ${SECRET}`, 'header'), { scheme: 'token', prefix: 'Bearer ' }],
    [is('token', SECRET, 'url'), { scheme: 'token', query: 'token' }],
    [is('secret', SECRET), { scheme: 'token', query: 'token' }, 'not accept a secret in the body'],
    [is('token', '42', 'url'), { scheme: 'token', query: 'token' }, 'fewer than 6 bytes'],
    [{ match: { type: 'ip-whitelist', 'ip-range': '10.0.0.0/8' } }, { scheme: 'token' }, 'only 10.0.0.0/8'],
    [null, { scheme: 'token', query: 'token' }, 'for every sender'],
    [{ and: [is('token', 'not-the-proof'), signed()] }, { scheme: 'github', when: /not-the-proof/ }],
  ];
  for (const [rule, expected, change] of proofs) {
    const { converted, remarks } = convert(hook({ 'trigger-rule': rule }));
    t.match(converted, [{ operation: 'h', definition: { hook: expected } }], JSON.stringify(rule));
    const changes = remarks.map(({ message }) => message).join('\n');
    if (change === undefined) t.equal(changes, '');
    else t.ok(changes.includes(change), changes);
  }
});

t.test('what cannot be kept is named by its field, and the hook is not converted', async (t) => {
  const value = (source: string, name = 'x') => ({ 'pass-arguments-to-command': [{ source, name }] });
  const problems: [object, RegExp][] = [
    [value('template', '{{ .Payload }}'), /pass-arguments-to-command.0: execd has no Go templates/],
    [value('context'), /pass-arguments-to-command.0: is the output of pre-hook-command/],
    [value('request', 'remote-addr'), /remote-addr/],
    [value('raw-request-body'), /not its bytes/],
    [value('cookie'), /"cookie" is not a source/],
    [{ 'pre-hook-command': '/x' }, /pre-hook-command/],
    [{ 'http-methods': ['GET'] }, /http-methods: .* POST/],
    [{ 'execute-command': './run.sh' }, /execute-command: .* absolute/],
    [{ 'no-such-key': 1 }, /no-such-key: unknown field/],
    [{ id: '//' }, /id: has no letter/],
    [{ 'trigger-rule': { or: [signed(), signed()] } }, /a signature within or/],
    [{ 'trigger-rule': { not: signed() } }, /a signature within/],
    [{ 'trigger-rule': { and: [signed(), signed()] } }, /several signatures/],
    [
      { 'trigger-rule': { match: { type: 'scalr-signature', secret: SECRET } } },
      /"scalr-signature" has no counterpart/,
    ],
    [
      { 'trigger-rule': { match: { type: 'payload-hmac-sha1', parameter: { source: 'url', name: 's' } } } },
      /not in a header/,
    ],
    [
      {
        'trigger-rule': {
          match: { type: 'regex', regex: '[[:alpha:]]', parameter: { source: 'payload', name: 'x' } },
        },
      },
      /syntax of Go/,
    ],
    [
      { 'command-working-directory': '/srv', 'pass-file-to-command': [{ source: 'payload', name: 'f' }] },
      /\$HOME\/hook\/0/,
    ],
  ];
  for (const [more, message] of problems) {
    t.match(said(more).join('\n'), message);
    t.strictSame(convert(hook(more)).converted, [], String(message));
  }
  t.match(convert(hook({ id: 'A b' }), hook({ id: 'a-b' })), {
    converted: [{ operation: 'a-b' }],
    remarks: [{}, { hook: 'a-b', field: 'id' }],
  });
  t.match(convertHooks({ id: 'x' }, 'ci').remarks, [{ type: 'problem', message: /is not a list/ }]);
});

t.test(
  'deliveries run the same command with the same values; the files are for the operator alone',
  async (t) => {
    const dir = tempDir(t);
    const file = join(dir, 'hooks.json');
    const rule = {
      and: [
        signed(),
        { or: [is('n', '7'), is('X-GitHub-Event', 'ping', 'header')] },
        {
          not: {
            match: { type: 'regex', regex: '(?i)^refs/TAGS/', parameter: { source: 'payload', name: 'ref' } },
          },
        },
      ],
    };
    const values = {
      'pass-arguments-to-command': [
        { source: 'payload', name: 'commits.0.commit.the-id' },
        { source: 'string', name: 'braces {{x}}' },
        { source: 'payload', name: 'not.there' },
        { source: 'payload', name: 'inner.state' },
        { source: 'url', name: 'q' },
      ],
      'pass-environment-to-command': [
        { source: 'payload', name: 'list' },
        { source: 'header', name: 'X-GitHub-Event', envname: 'EVENT' },
        { source: 'payload', name: 'not.there', envname: 'ABSENT' },
      ],
      'pass-file-to-command': [{ source: 'payload', name: 'data', envname: 'DATA', base64decode: true }],
      'parse-parameters-as-json': [{ source: 'payload', name: 'inner' }],
    };
    writeFileSync(file, JSON.stringify([hook({ 'trigger-rule': rule, ...values })]));
    const out = join(dir, 'out');
    const { hooks, remarks, files } = importWebhook({ file, user: 'ci', dir: out });
    t.strictSame([hooks, remarks], [[{ hook: 'h', operation: 'h', path: '/v1/hooks/h' }], []]);
    for (const path of files) t.equal(statSync(path).mode & 0o777, 0o600, path);
    t.equal(readFileSync(join(out, 'secrets', 'hook_h'), 'utf8'), `${SECRET}\n`);
    t.match(parseYaml(readFileSync(join(out, 'secrets.yaml'), 'utf8')), {
      value: { secrets: { hook_h: { operations: ['h'] } } },
    });
    t.throws(() => importWebhook({ file, user: 'ci', dir: out }), /EEXIST/, 'nothing is overwritten');
    writeFileSync(file, '[{"id": "{{ getenv }}]');
    t.throws(() => importWebhook({ file, user: 'ci', dir: out }), /If it is a template/);

    const operations = registryOf(readFileSync(join(out, 'operations.yaml'), 'utf8'));
    const silent = () => undefined;
    const judge = async (body: object, event?: string) => {
      const bytes = Buffer.from(JSON.stringify(body));
      const signature = `sha256=${createHmac('sha256', SECRET).update(bytes).digest('hex')}`;
      const verdict = await createHooks({
        ...{ operations, conditions: conditionsHere(), takeRate: () => null, clock: { now: () => 0 } },
        secrets: { whyNot: () => null, reveal: () => SECRET },
        log: { debug: silent, info: silent, warn: silent, error: silent },
      }).judge({
        ...{ operation: 'h', bytes, query: { q: 'asked' }, read: () => body },
        headers: {
          'x-hub-signature-256': signature,
          ...(event === undefined ? {} : { 'x-github-event': event }),
        },
      });
      return verdict.type === 'run' ? resolveOperation(operations, verdict.spec).work : verdict.type;
    };
    const body = {
      ...{ ref: 'refs/heads/main', n: 7, commits: [{ commit: { 'the-id': 12 } }], list: ['a', 1] },
      ...{ inner: '{"state": "passed"}', data: 'aGk=' },
    };
    t.match(await judge(body), {
      ...{ kind: 'exec', program: '/srv/run.sh', args: ['12', 'braces {{x}}', '', 'passed', 'asked'] },
      env: { HOOK_list: '["a",1]', DATA: 'hook/0', EVENT: undefined, ABSENT: undefined },
      files: [{ path: 'hook/0', base64: 'aGk=' }],
    });
    t.match(await judge({ ...body, n: '7' }, 'push'), { env: { EVENT: 'push' } });
    t.match(await judge({ ...body, n: 8 }, 'ping'), { kind: 'exec' });
    t.equal(await judge({ ...body, n: 8 }), 'skipped');
    t.equal(await judge({ ...body, ref: 'refs/tags/v1' }), 'skipped');
  },
);
