// `execd login` and `execd context`: which server, and with which key. The key is in a file that only its owner can read.
import type { Command } from 'commander';
import { dataOf } from '../../client/index.ts';
import { EXIT, Exit, usage } from '../exits.ts';
import type { Session } from '../session.ts';
import { checkedUrl, type Context } from '../settings.ts';
import { readAll } from '../stdin.ts';
import { table } from '../table.ts';

export function loginCommands(program: Command, session: Session): void {
  program
    .command('login')
    .summary('store the address of a server and a key')
    .description(
      'Asks for an API key, checks it, and stores it as a context, which becomes the current context.',
    )
    .argument('[url]', 'the server', 'http://127.0.0.1:8080')
    .option('--name <name>', 'name of the context (default: host and port)')
    .option('--no-key', 'the server requires no key')
    .action((url: string, flags: { name?: string; key: boolean }) => login(session, url, flags));
  const context = program.command('context').summary('list, choose and remove contexts');
  context
    .command('ls')
    .summary('list contexts')
    .action(() => list(session));
  context
    .command('use')
    .summary('choose a context')
    .argument('<name>')
    .action((name: string) => use(session, name));
  context
    .command('rm')
    .summary('remove a context and its key')
    .argument('<name>')
    .action((name: string) => remove(session, name));
}

async function login(session: Session, text: string, flags: { name?: string; key: boolean }): Promise<void> {
  const { terminal, settings, options } = session;
  const url = checkedUrl(text);
  const key = flags.key ? (options.apiKey ?? (await askForKey(session))) : '';
  const context: Context = { url, ...(key === '' ? {} : { api_key: key }) };
  // What does not work is not kept.
  await dataOf(session.connect({ ...context, context: null }).api.GET('/v1/stats'));
  const name = flags.name ?? new URL(url).host;
  const config = settings.read();
  settings.write({ current: name, contexts: { ...config.contexts, [name]: context } });
  await terminal.line(`${name} is the current context now (${settings.path}).`);
}

/** From a terminal without showing it, else the first line of standard input. */
async function askForKey({ terminal }: Session): Promise<string> {
  if (!process.stdin.isTTY) return (await readAll(terminal)).toString('utf8').split('\n')[0]?.trim() ?? '';
  await terminal.err.write('API key (empty: none): ');
  const { stdin } = process;
  stdin.setRawMode(true);
  let key = '';
  try {
    for await (const piece of stdin) {
      for (const char of String(piece)) {
        if (char === '\r' || char === '\n') return key;
        if (char === '\u0003' || char === '\u0004') throw new Exit(EXIT.interrupted);
        key = char === '\u007f' ? key.slice(0, -1) : key + char;
      }
    }
    return key;
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    await terminal.err.write('\n');
  }
}

async function list({ terminal, settings, isJson }: Session): Promise<void> {
  const { current, contexts } = settings.read();
  const rows = Object.entries(contexts).map(([name, { url, api_key: key }]) => ({
    name,
    url,
    has_key: key !== undefined,
    current: name === current,
  }));
  if (isJson) return terminal.json(rows);
  if (rows.length === 0) return terminal.line('There is no context. `execd login URL` makes one.');
  const columns = [
    { name: '', value: (row: (typeof rows)[number]) => (row.current ? '*' : '') },
    { name: 'NAME', value: (row: (typeof rows)[number]) => row.name },
    { name: 'URL', value: (row: (typeof rows)[number]) => row.url },
    { name: 'KEY', value: (row: (typeof rows)[number]) => (row.has_key ? 'yes' : 'no') },
  ];
  await terminal.line(table(terminal.out, columns, rows));
}

async function use({ terminal, settings }: Session, name: string): Promise<void> {
  const config = settings.read();
  if (config.contexts[name] === undefined)
    throw usage(`There is no context ${name}. \`execd context ls\` lists them.`);
  settings.write({ ...config, current: name });
  await terminal.line(`${name} is the current context now.`);
}

async function remove({ terminal, settings }: Session, name: string): Promise<void> {
  const { current, contexts } = settings.read();
  const { [name]: gone, ...left } = contexts;
  if (gone === undefined) throw usage(`There is no context ${name}. \`execd context ls\` lists them.`);
  settings.write({ current: current === name ? null : current, contexts: left });
  await terminal.line(`The context ${name} was removed.`);
}
