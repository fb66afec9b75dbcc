// What a command works with: the terminal, the settings, and the client, which is made when it is first asked for.
import {
  connect,
  type Execd,
  type Execution,
  NotFoundError,
  ProblemError,
  reasonOf,
  type Retry,
} from '../client/index.ts';
import { Exit, EXIT, usage } from './exits.ts';
import { type GlobalOptions, type Place, Settings } from './settings.ts';
import { Terminal } from './terminal.ts';

export class Session {
  readonly terminal: Terminal;
  readonly settings: Settings;
  options: GlobalOptions & { json?: boolean; quiet?: boolean } = {};
  #client: Execd | null = null;
  #isAway = false;

  constructor(env: NodeJS.ProcessEnv) {
    this.terminal = new Terminal(env);
    this.settings = new Settings(env);
  }

  get place(): Place {
    return this.settings.placeOf(this.options);
  }

  get isJson(): boolean {
    return this.options.json === true;
  }

  get client(): Execd {
    this.#client ??= this.connect(this.place);
    return this.#client;
  }

  connect({ url, api_key: apiKey, user }: Place): Execd {
    return connect({
      url,
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(user === undefined || user === '' ? {} : { user }),
      failsWhenRefused: true,
      onRetry: (retry) => this.#onRetry(url, retry),
    });
  }

  /** One line for each time that the server was away. */
  #onRetry(url: string, { reason }: Retry): void {
    if (this.#isAway) return;
    this.#isAway = true;
    const isAnswer = reason instanceof ProblemError;
    const what = isAnswer ? `${url} is busy` : `lost the connection to ${url}`;
    void this.terminal.note(
      `${what} (${reasonOf(reason)}); execd retries. Running executions continue.`,
      'yellow',
    );
  }

  /** The server is there again. */
  isBack(): void {
    this.#isAway = false;
  }

  /** Notes what was submitted, for `@last`. */
  submitted({ id }: { id: string }): void {
    this.settings.keepLastId(this.client.url, id);
  }

  /**
   * The id of an execution or a plan: a whole one, a unique beginning of one, or `@last`.
   *
   * @throws Exit when there is none, or more than one
   */
  async idOf(text: string): Promise<string> {
    if (text === '@last' || text === '@') return this.#last();
    const id = text.toLowerCase();
    if (WHOLE_ID.test(id)) return id;
    if (!/^[0-9a-f][0-9a-f-]{1,35}$/.test(id))
      throw usage(`${JSON.stringify(text)} is not an id. Give an id, the beginning of one, or @last.`);
    const found = await this.#beginningWith(id);
    const [first, second] = found;
    if (first === undefined) throw new Exit(EXIT.failed, `There is no execution whose id begins with ${id}.`);
    if (second === undefined) return first.id;
    const few = found.slice(0, SHOWN).map((one) => `  ${one.id}  ${one.status}  ${commandOf(one)}`);
    throw new Exit(
      EXIT.failed,
      `More than one execution has an id that begins with ${id}:\n${few.join('\n')}`,
    );
  }

  async #last(): Promise<string> {
    const kept = this.settings.lastId(this.client.url);
    if (kept !== null) {
      const isThere = await this.client.get(kept).then(
        () => true,
        (error: unknown) => {
          if (error instanceof NotFoundError) return false;
          throw error;
        },
      );
      if (isThere) return kept;
    }
    for await (const { id } of this.client.list({ limit: 1 })) return id;
    throw new Exit(EXIT.failed, '@last: there is no execution.');
  }

  /** An id begins with the time when it was made: only that time is looked at. */
  async #beginningWith(id: string): Promise<Execution[]> {
    const digits = id.replaceAll('-', '').slice(0, TIME_DIGITS);
    const from = parseInt(digits.padEnd(TIME_DIGITS, '0'), 16) - CLOCK_MS;
    const to = parseInt(digits.padEnd(TIME_DIGITS, 'f'), 16) + CLOCK_MS;
    const found: Execution[] = [];
    const filter = {
      created_after: new Date(Math.min(Math.max(0, from), LATEST_MS)).toISOString(),
      created_before: new Date(Math.min(to, LATEST_MS)).toISOString(),
      limit: 200,
    };
    for await (const one of this.client.list(filter)) {
      if (one.id.startsWith(id)) found.push(one);
      if (found.length > SHOWN) break;
    }
    return found;
  }
}

const WHOLE_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** A UUIDv7 begins with 48 bits of milliseconds. */
const TIME_DIGITS = 12;
const LATEST_MS = Date.parse('9999-12-31T00:00:00Z');
/** An id may be made a moment before its execution. */
const CLOCK_MS = 5000;
const SHOWN = 5;

/** What it runs, as one would type it. */
export function commandOf({ kind, spec, operation }: Pick<Execution, 'kind' | 'spec' | 'operation'>): string {
  const {
    program,
    args = [],
    command,
    path,
    source,
    service,
    method,
    url,
    description,
  } = spec as Record<string, string> & {
    args?: string[];
  };
  switch (kind) {
    case 'exec':
      return [program, ...args].map(quotedWord).join(' ');
    case 'shell':
      return command ?? '';
    case 'script':
      return path ?? (source ?? '').split('\n').find((line) => line !== '' && !line.startsWith('#!')) ?? '';
    case 'aws_cli':
      return ['aws', service, (spec as { operation?: string }).operation, ...args].join(' ');
    case 'http':
      return `${method ?? 'GET'} ${url}`;
    case 'operation':
      return operation ?? '';
    default:
      return description ?? '';
  }
}

function quotedWord(word: string | undefined): string {
  if (word !== undefined && /^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${(word ?? '').replaceAll("'", `'\\''`)}'`;
}
