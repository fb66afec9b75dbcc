// `execd operations`, `cache`, `circuits`, `accounts`, `webhooks`: what the server has beside executions.
import type { Command } from 'commander';
import {
  type Account,
  type CacheEntry,
  type Circuit,
  dataOf,
  type LedgerEntry,
  type Operation,
  type Pause,
  paginate,
  type Runner,
  type RunnerPool,
  type Webhook,
} from '../../client/index.ts';
import { usage } from '../exits.ts';
import { inputFile } from '../input-file.ts';
import { firstOf } from '../options.ts';
import type { Session } from '../session.ts';
import { type Column, facts, statusStyle, table } from '../table.ts';
import { wholeNumber } from '../units.ts';

export function adminCommands(program: Command, session: Session): void {
  operations(program, session);
  cache(program, session);
  circuits(program, session);
  accounts(program, session);
  webhooks(program, session);
  pauses(program, session);
  runners(program, session);
}

function pauses(program: Command, session: Session): void {
  // The client is there when a command runs.
  const at = (what: string) => ({ params: { path: { what } } });
  program
    .command('pauses')
    .summary('what is paused')
    .action(async () => {
      const { items } = await dataOf(session.client.api.GET('/v1/admin/pauses'));
      const columns: Column<Pause>[] = [
        { name: 'WHAT', value: ({ what }) => what },
        { name: 'USER', value: (one) => one.user_id ?? '' },
        { name: 'SINCE', value: ({ since }) => since },
        { name: 'BY', value: ({ by }) => by },
        { name: 'REASON', value: ({ reason }) => reason ?? '', isOpen: true },
      ];
      return show(session, columns, items);
    });
  program
    .command('pause')
    .summary('pause the queue, an operation or a key, or begin maintenance')
    .argument('<what>', 'queue, maintenance, operation:NAME or key:KEY')
    .option('-m, --reason <text>', 'why')
    .action(async (what: string, { reason }: { reason?: string }) => {
      const body = reason === undefined ? {} : { reason };
      await dataOf(session.client.api.PUT('/v1/admin/pauses/{what}', { ...at(what), body }));
      await session.terminal.line(`${what}: paused`);
    });
  program
    .command('resume')
    .summary('resume paused work, or end maintenance')
    .argument('<what>', 'queue, maintenance, operation:NAME or key:KEY')
    .action(async (what: string) => {
      await dataOf(session.client.api.DELETE('/v1/admin/pauses/{what}', at(what)));
      await session.terminal.line(`${what}: resumed`);
    });
}

function runners(program: Command, session: Session): void {
  const at = (name: string) => ({ params: { path: { name } } });
  const group = program
    .command('runners')
    .summary('servers that share the store, and their running executions');
  group
    .command('list', { isDefault: true })
    .summary('the servers, and their running executions')
    .action(async () => {
      const { items } = await dataOf(session.client.api.GET('/v1/runners'));
      const used = ({ max, running }: Runner['slots']['process']) => `${running}/${max ?? '?'}`;
      const columns: Column<Runner>[] = [
        { name: 'NAME', value: ({ name }) => name },
        { name: 'ROLE', value: ({ role }) => role ?? '?' },
        { name: 'POOLS', value: ({ pools }) => pools?.join(',') ?? '?' },
        { name: 'COMMANDS', value: ({ slots }) => used(slots.process), isRight: true },
        { name: 'HTTP', value: ({ slots }) => used(slots.http), isRight: true },
        { name: 'DRAINED', value: ({ drain }) => (drain === null ? '-' : drain.since) },
        { name: 'SINCE', value: ({ since }) => since },
        { name: 'LEASE', value: (one) => one.lease_until ?? '-' },
        { name: 'VERSION', value: ({ version }) => version ?? '?' },
        { name: 'POLICY', value: (one) => one.policy_version ?? '-' },
        { name: 'OPERATIONS', value: (one) => one.operations_version ?? '-' },
        { name: 'HOST', value: ({ host }) => host ?? '?', isOpen: true },
      ];
      return show(session, columns, items);
    });
  group
    .command('pools')
    .summary('pools of servers, with the executions that wait for each')
    .action(async () => {
      const { pools } = await dataOf(session.client.api.GET('/v1/runners'));
      const columns: Column<RunnerPool>[] = [
        { name: 'POOL', value: ({ name }) => name },
        { name: 'QUEUED', value: ({ queued }) => String(queued.process), isRight: true },
        { name: 'SLOTS', value: ({ slots }) => String(slots.process), isRight: true },
        { name: 'HTTP QUEUED', value: ({ queued }) => String(queued.http), isRight: true },
        { name: 'HTTP SLOTS', value: ({ slots }) => String(slots.http), isRight: true },
        { name: 'SERVERS', value: ({ servers }) => servers.join(',') || 'none', isOpen: true },
      ];
      return show(session, columns, pools);
    });
  group
    .command('drain')
    .summary('stop a server from starting work; running commands continue')
    .argument('<name>', 'as execd runners lists it')
    .option('-m, --reason <text>', 'why')
    .action(async (name: string, { reason }: { reason?: string }) => {
      const body = reason === undefined ? {} : { reason };
      await dataOf(session.client.api.POST('/v1/runners/{name}/drain', { ...at(name), body }));
      await session.terminal.line(`${name}: drained`);
    });
  group
    .command('resume')
    .summary('let a drained server start work again')
    .argument('<name>')
    .action(async (name: string) => {
      await dataOf(session.client.api.POST('/v1/runners/{name}/resume', at(name)));
      await session.terminal.line(`${name}: resumed`);
    });
}

function changeOperations(program: Command, session: Session): void {
  const at = (name: string) => ({ params: { path: { name } } });
  const group = program.command('operation').summary('put and remove operations');
  group
    .command('put')
    .summary('define an operation, or replace a stored one')
    .argument('<name>')
    .argument('<file>', 'its definition as JSON or YAML, as in the operations file; - is standard input')
    .action(async (name: string, file: string) => {
      const body = await inputFile<Record<string, unknown>>(file);
      const one = await dataOf(session.client.api.PUT('/v1/admin/operations/{name}', { ...at(name), body }));
      await session.terminal.line(`${one.name}: ${one.state}`);
    });
  group
    .command('rm')
    .summary('remove a stored operation')
    .argument('<name>')
    .action(async (name: string) => {
      await dataOf(session.client.api.DELETE('/v1/admin/operations/{name}', at(name)));
      await session.terminal.line(`${name}: removed`);
    });
}

async function show<Row>({ terminal, isJson }: Session, columns: Column<Row>[], rows: Row[]): Promise<void> {
  if (isJson) await terminal.json(rows);
  else await terminal.line(table(terminal.out, columns, rows));
}

function operations(program: Command, session: Session): void {
  changeOperations(program, session);
  program
    .command('operations')
    .summary('operations that you can run by their name')
    .argument('[name]', 'one operation, with its parameters')
    .action(async (name: string | undefined) => {
      const { client, terminal } = session;
      if (name !== undefined) {
        const one = await dataOf(client.api.GET('/v1/operations/{name}', { params: { path: { name } } }));
        return terminal.line(JSON.stringify(one, null, 2));
      }
      const { items } = await dataOf(client.api.GET('/v1/operations'));
      const columns: Column<Operation>[] = [
        { name: 'NAME', value: (one) => one.name },
        { name: 'KIND', value: ({ kind }) => kind },
        {
          name: 'PARAMETERS',
          value: ({ params }) => Object.keys((params as { properties?: object }).properties ?? {}).join(', '),
        },
        { name: 'DESCRIPTION', value: ({ description }) => description, isOpen: true },
      ];
      return show(session, columns, items);
    });
}

function cache(program: Command, session: Session): void {
  const command = program.command('cache').summary('cached results');
  command
    .command('stats')
    .summary('number and size of the entries')
    .action(async () => {
      const { client, terminal, isJson } = session;
      const stats = await dataOf(client.api.GET('/v1/cache'));
      if (isJson) return terminal.json(stats);
      return terminal.line(
        facts(
          terminal.out,
          Object.entries(stats).map(([name, value]) => [name.replaceAll('_', ' '), String(value)] as const),
        ),
      );
    });
  command
    .command('ls')
    .summary('list results')
    .option('-n, --limit <number>', 'how many at most', '50')
    .action(async ({ limit }: { limit: string }) => {
      const rows = paginate((cursor) =>
        dataOf(
          session.client.api.GET('/v1/cache/entries', {
            params: { query: cursor === undefined ? {} : { cursor } },
          }),
        ),
      );
      const columns: Column<Omit<CacheEntry, 'result'>>[] = [
        { name: 'KEY', value: ({ key }) => key },
        { name: 'OPERATION', value: ({ operation }) => operation ?? '-' },
        { name: 'AGE', value: ({ age_s: s }) => `${Math.round(s)}s`, isRight: true },
        { name: 'LEFT', value: ({ ttl_s: s }) => (s === null ? '-' : `${Math.round(s)}s`), isRight: true },
        { name: 'RUN', value: ({ run_id: run }) => run ?? '-' },
      ];
      return show(
        session,
        columns,
        await firstOf(rows as AsyncIterable<Omit<CacheEntry, 'result'>>, wholeNumber(limit)),
      );
    });
  command
    .command('rm')
    .summary('forget results')
    .argument('[key]')
    .option('--operation <name>', 'only this operation')
    .option('--all', 'all entries')
    .action(async (key: string | undefined, { operation, all }: { operation?: string; all?: boolean }) => {
      if ([key, operation, all].filter((one) => one !== undefined).length !== 1)
        throw usage('Give a key, or one of --operation and --all.');
      const query = key === undefined ? (operation === undefined ? { all: true } : { operation }) : { key };
      await session.terminal.json(
        await dataOf(session.client.api.DELETE('/v1/cache', { params: { query: query as never } })),
      );
    });
}

function circuits(program: Command, session: Session): void {
  const command = program.command('circuits').summary('circuit breakers and their states');
  command
    .command('ls')
    .summary('list circuits')
    .action(async () => {
      const { items } = await dataOf(session.client.api.GET('/v1/circuits'));
      const columns: Column<Circuit>[] = [
        { name: 'NAME', value: (one) => one.name },
        { name: 'STATE', value: ({ state }) => state, style: ({ state }) => statusStyle(state) },
        { name: 'CALLS', value: ({ calls }) => String(calls), isRight: true },
        { name: 'FAILURES', value: ({ failures }) => String(failures), isRight: true },
        { name: 'REJECTED', value: ({ rejected }) => String(rejected), isRight: true },
      ];
      return show(session, columns, items);
    });
  command
    .command('reset')
    .summary('close a circuit')
    .argument('<name>')
    .action(async (name: string) =>
      session.terminal.json(
        await dataOf(session.client.api.POST('/v1/circuits/{name}/reset', { params: { path: { name } } })),
      ),
    );
  command
    .command('isolate')
    .summary('hold a circuit open until it is reset')
    .argument('<name>')
    .action(async (name: string) =>
      session.terminal.json(
        await dataOf(session.client.api.POST('/v1/circuits/{name}/isolate', { params: { path: { name } } })),
      ),
    );
}

function accounts(program: Command, session: Session): void {
  const command = program.command('accounts').summary('credits of users');
  const of = (user: string) => ({ params: { path: { user_id: user } } });
  command
    .command('show')
    .summary('the balance of a user')
    .argument('<user>')
    .action(async (user: string) => {
      const account: Account = await dataOf(session.client.api.GET('/v1/accounts/{user_id}', of(user)));
      if (session.isJson) return session.terminal.json(account);
      const { balance, reserved, available } = account;
      return session.terminal.line(
        `${available} credits available: ${balance}, of which ${reserved} are reserved`,
      );
    });
  command
    .command('entries')
    .summary('the ledger of a user')
    .argument('<user>')
    .option('-n, --limit <number>', 'how many at most', '50')
    .action(async (user: string, { limit }: { limit: string }) => {
      const rows = paginate((cursor) =>
        dataOf(
          session.client.api.GET('/v1/accounts/{user_id}/entries', {
            params: { path: { user_id: user }, query: cursor === undefined ? {} : { cursor } },
          }),
        ),
      );
      const columns: Column<LedgerEntry>[] = [
        { name: 'AT', value: ({ at }) => at },
        { name: 'KIND', value: ({ kind }) => kind },
        { name: 'AMOUNT', value: ({ amount }) => String(amount), isRight: true },
        { name: 'BALANCE', value: ({ balance_after: after }) => String(after), isRight: true },
        { name: 'FOR', value: ({ execution_id: id, note }) => id ?? note ?? '' },
      ];
      return show(session, columns, await firstOf(rows, wholeNumber(limit)));
    });
  command
    .command('grant')
    .summary('give credits to a user')
    .argument('<user>')
    .argument('<amount>')
    .option('--note <text>', 'what for')
    .option('--key <key>', 'grant only once with this key')
    .action(async (user: string, amount: string, { note, key }: { note?: string; key?: string }) => {
      const header = { 'Idempotency-Key': key ?? crypto.randomUUID() };
      const body = { amount: wholeNumber(amount), ...(note === undefined ? {} : { note }) };
      const params = { path: { user_id: user }, header };
      await session.terminal.json(
        await dataOf(
          session.client.api.POST('/v1/accounts/{user_id}/grants', { params, body: body as never }),
        ),
      );
    });
}

function webhooks(program: Command, session: Session): void {
  const command = program.command('webhooks').summary('webhooks and their deliveries');
  const of = (id: string) => ({ params: { path: { id } } });
  command
    .command('ls')
    .summary('list webhooks')
    .action(async () => {
      const { items } = await dataOf(session.client.api.GET('/v1/webhooks'));
      const columns: Column<Webhook>[] = [
        { name: 'ID', value: ({ id }) => id },
        { name: 'ON', value: ({ enabled }) => (enabled ? 'yes' : 'no') },
        { name: 'EVENTS', value: ({ events }) => events.join(',') },
        { name: 'URL', value: ({ url }) => url, isOpen: true },
      ];
      return show(session, columns, items);
    });
  command
    .command('create')
    .summary('send events to a URL; prints the secret once')
    .argument('<url>')
    .requiredOption('--events <list>', 'completed, failed, …')
    .action(async (url: string, { events }: { events: string }) => {
      const body = { url, events: events.split(',') };
      await session.terminal.json(
        await dataOf(session.client.api.POST('/v1/webhooks', { body: body as never })),
      );
    });
  command
    .command('test')
    .summary('send a test message')
    .argument('<id>')
    .action(async (id: string) =>
      session.terminal.json(await dataOf(session.client.api.POST('/v1/webhooks/{id}/test', of(id)))),
    );
  command
    .command('rm')
    .summary('remove a webhook')
    .argument('<id>')
    .action(async (id: string) => {
      await dataOf(session.client.api.DELETE('/v1/webhooks/{id}', of(id)));
      await session.terminal.line(id);
    });
  command
    .command('deliveries')
    .summary('deliveries of a webhook')
    .argument('<id>')
    .action(async (id: string) =>
      session.terminal.json(
        (await dataOf(session.client.api.GET('/v1/webhooks/{id}/deliveries', of(id)))).items,
      ),
    );
}
