// Which server, and as whom: flags, environment, then the context of the configuration file, which only its owner can read.
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { Exit, EXIT, usage } from './exits.ts';

export interface Context {
  url: string;
  api_key?: string;
  user?: string;
}

interface ConfigFile {
  current: string | null;
  contexts: Record<string, Context>;
}

export interface Place extends Context {
  /** Null: from flags or the environment. */
  context: string | null;
}

export interface GlobalOptions {
  url?: string;
  apiKey?: string;
  user?: string;
  context?: string;
}

const DEFAULT_URL = 'http://127.0.0.1:8080';
const EMPTY: ConfigFile = { current: null, contexts: {} };

export class Settings {
  readonly #env: NodeJS.ProcessEnv;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  get path(): string {
    const { EXECD_CONFIG: file, XDG_CONFIG_HOME: base } = this.#env;
    return file ?? join(base ?? join(homedir(), '.config'), 'execd', 'config.json');
  }

  /** The place to talk to: the URL decides, and a key belongs to the URL that it came with. */
  placeOf(options: GlobalOptions): Place {
    const { EXECD_URL, EXECD_API_KEY, EXECD_USER, EXECD_CONTEXT } = this.#env;
    const url = options.url ?? (options.context === undefined ? nonEmpty(EXECD_URL) : undefined);
    const name = options.context ?? nonEmpty(EXECD_CONTEXT);
    const file = this.read();
    const key = options.apiKey ?? nonEmpty(EXECD_API_KEY);
    const user = options.user ?? nonEmpty(EXECD_USER);
    const extra = { ...(key === undefined ? {} : { api_key: key }), ...(user === undefined ? {} : { user }) };
    if (url !== undefined) {
      const known = Object.values(file.contexts).find((one) => sameOrigin(one.url, url));
      return { context: null, ...known, url: checkedUrl(url), ...extra };
    }
    const current = name ?? file.current;
    if (current === null) return { context: null, url: DEFAULT_URL, ...extra };
    const context = file.contexts[current];
    if (context === undefined)
      throw usage(`There is no context ${current}. \`execd context ls\` lists them.`);
    return { context: current, ...context, ...extra };
  }

  read(): ConfigFile {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return EMPTY;
      throw new Exit(EXIT.failed, `Cannot read ${this.path}: ${(error as Error).message}`);
    }
    try {
      return { ...EMPTY, ...(JSON.parse(text) as Partial<ConfigFile>) };
    } catch {
      throw new Exit(
        EXIT.failed,
        `${this.path} is not JSON. Correct it, or remove it and run \`execd login\`.`,
      );
    }
  }

  /** Replaced as a whole, with mode 0600 from the first byte on. */
  write(config: ConfigFile): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    const next = `${this.path}.${process.pid}`;
    writeFileSync(next, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
    chmodSync(next, 0o600);
    renameSync(next, this.path);
  }

  get #statePath(): string {
    const { XDG_STATE_HOME: base } = this.#env;
    return join(base ?? join(homedir(), '.local', 'state'), 'execd', 'last.json');
  }

  /** The id that was submitted last at a server; null when none was. */
  lastId(url: string): string | null {
    return this.#readState()[url] ?? null;
  }

  /** A convenience: where it cannot be kept, there is none. */
  keepLastId(url: string, id: string): void {
    try {
      mkdirSync(dirname(this.#statePath), { recursive: true, mode: 0o700 });
      const next = `${this.#statePath}.${process.pid}`;
      writeFileSync(next, JSON.stringify({ ...this.#readState(), [url]: id }), { mode: 0o600 });
      renameSync(next, this.#statePath);
    } catch {
      // `@last` then is the newest execution of the server.
    }
  }

  #readState(): Record<string, string> {
    try {
      return JSON.parse(readFileSync(this.#statePath, 'utf8')) as Record<string, string>;
    } catch {
      return {};
    }
  }
}

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

function sameOrigin(one: string, other: string): boolean {
  return one.replace(/\/+$/, '') === other.replace(/\/+$/, '');
}

/** A URL without its last slash; `host:port` alone is taken as http. */
export function checkedUrl(text: string): string {
  const url = /^https?:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(url)) throw usage(`${JSON.stringify(text)} is not a URL. Write it as http://HOST:PORT.`);
  const { origin, pathname, username, search, hash } = new URL(url);
  if (username !== '' || search !== '' || hash !== '')
    throw usage(`The URL ${JSON.stringify(text)} must have no user, query or fragment.`);
  return origin + pathname.replace(/\/+$/, '');
}
