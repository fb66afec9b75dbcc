import fastify from 'fastify';
import t from 'tap';
import { RefusedError } from '../../src/domain/errors.ts';
import type { OperationDefaults } from '../../src/domain/operations/operation.ts';
import type { Log } from '../../src/domain/ports/clock.ts';
import { errorHandler } from '../../src/http/edge/error-handler.ts';
import { operation, operationList } from '../../src/http/operations/operation-schemas.ts';
import { LOCAL_CALLER } from '../../src/domain/spec/access.ts';
import { fakeClock } from '../helpers/clock.ts';
import { gate } from '../../src/http/edge/gate.ts';
import { operationRoutes, type OperationRoutesOptions } from '../../src/http/operations/routes.ts';
import { validatorCompiler } from '../../src/http/edge/zod-adapter.ts';
import { fileWith, registryOf } from '../helpers/operations.ts';

const silent = () => undefined;
const defaults: OperationDefaults = {
  attemptMs: 300_000,
  onLimit: 'queue',
  oversized: 'truncate',
  maxOutputBytes: 10,
  spoolMaxBytes: 99,
  resultBytes: 77,
  limits: {},
  retryAttempts: 3,
  retryMultiplier: 1,
  cacheTtlS: 3600,
  graceMs: 5000,
};

/** The routes on a server of their own; asks and answers in this process. */
function asking(more: Partial<OperationRoutesOptions> = {}, info: Log['info'] = silent, clock = fakeClock()) {
  const log = { debug: silent, info, warn: silent, error: silent };
  const run = { kind: 'exec', program: 'x', args: ['{{p}}'] };
  const policy = {
    description: 'does x',
    adaptive_timeout: {},
    retry: { retry_on: { exit_codes: [7] } },
    circuit: {},
    cache: {},
  };
  const operations = registryOf(fileWith(run, { p: { type: 'string' } }, policy));
  const app = fastify();
  app.setValidatorCompiler(validatorCompiler as never);
  app.setSerializerCompiler(() => JSON.stringify);
  app.setErrorHandler(errorHandler(log, clock, silent));
  const authenticate = {
    callerOf: () => LOCAL_CALLER,
    isStillGood: () => true,
    refresh: async () => undefined,
  };
  gate(app, { isLoopback: false, allowedHosts: [], authenticate, clock: fakeClock(), maxConnections: 10 });
  const reload = () => ({ operations: 1, circuits: 0 });
  const none = () => Promise.reject(new Error('nothing is put here'));
  const stored = { list: () => [], get: none as never, put: none, remove: none };
  operationRoutes(app, { operations, defaults, adaptiveTimeoutMs: () => 1234, reload, stored, ...more });
  return async (method: 'GET' | 'POST', url: string) => {
    const { statusCode: status, body } = await app.inject({ method, url });
    return { status, body: JSON.parse(body) as unknown };
  };
}

t.test('operations are listed and read, with their policy as it applies', async (t) => {
  const ask = asking();
  const one = await ask('GET', '/v1/operations/op');
  t.match(one, {
    status: 200,
    body: {
      name: 'op',
      description: 'does x',
      kind: 'exec',
      params: {
        type: 'object',
        properties: { p: { type: 'string' } },
        required: ['p'],
        additionalProperties: false,
      },
      policy: {
        timeouts: { attempt_ms: 300_000, total_ms: null },
        adaptive_timeout: { factor: 3, current_ms: 1234 },
        retry: { attempts: 3, retry_on: { exit_codes: [7] } },
        cache: { ttl_s: 3600 },
      },
    },
  });
  t.ok(operation.safeParse(one.body).success, 'it is as the schema says');
  const list = await ask('GET', '/v1/operations');
  t.same(list.body, { items: [one.body] });
  t.ok(operationList.safeParse(list.body).success);
});

t.test('an operation that there is not is a 404', async (t) => {
  const ask = asking();
  for (const name of ['nope', 'constructor', 'a%2Fb', 'x'.repeat(90)]) {
    t.match(await ask('GET', `/v1/operations/${name}`), {
      status: 404,
      body: { type: 'urn:execd:error:operation_not_found' },
    });
  }
});

t.test('the file is read again, and what is wrong with it is told', async (t) => {
  t.same(await asking()('POST', '/v1/admin/reload'), { status: 200, body: { operations: 1, circuits: 0 } });
  const fields = [
    { field: 'operations.op.cost', message: 'line 3: unknown field' },
    { field: 'x', message: 'line 9: unknown field' },
  ];
  const reload = () => {
    throw new RefusedError('invalid_operations_file', 'It has 2 problems.', { fields });
  };
  t.match(await asking({ reload })('POST', '/v1/admin/reload'), {
    status: 422,
    body: { type: 'urn:execd:error:invalid_operations_file', errors: fields },
  });
});

t.test('a refused request leaves a line with its reason, and many of them leave a few', async (t) => {
  const lines: { facts: object; message: string }[] = [];
  const clock = fakeClock();
  const ask = asking({}, (facts, message) => void lines.push({ facts, message }), clock);
  for (let i = 0; i < 30; i++) await ask('GET', '/v1/operations/nope');
  t.equal(lines.length, 5, 'a user has a few lines a second');
  t.match(lines[0], {
    message: /^A request was refused: .*nope/,
    facts: {
      request_id: 'req-1',
      method: 'GET',
      user_id: LOCAL_CALLER.userId,
      type: 'operation_not_found',
      status: 404,
      detail: /nope/,
    },
  });
  await clock.advance(1000);
  await ask('GET', '/v1/operations/nope');
  t.match(lines[5], { facts: { omitted: 25 } });
});

t.test('faults of the service have lines of their own, and a bound', async (t) => {
  let lines = 0;
  const down = () => {
    throw new RefusedError('store_unavailable', 'The store cannot be read.');
  };
  const ask = asking({ adaptiveTimeoutMs: down }, () => void (lines += 1));
  for (let i = 0; i < 6; i++) await ask('GET', '/v1/operations/nope');
  for (let i = 0; i < 60; i++) t.equal((await ask('GET', '/v1/operations/op')).status, 503);
  t.equal(lines, 5 + 50);
});
