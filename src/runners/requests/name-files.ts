// The files of the system that say what names mean: hosts(5) and resolv.conf(5). Pure, but for reading them when they have
// changed.
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';

/** Names in lower case, each with its addresses in the order of the file. */
export type Hosts = ReadonlyMap<string, readonly string[]>;

export interface ResolvConf {
  /** Domains that are put behind a name. */
  search: readonly string[];
  /** A name with so many dots is looked up as it is first. */
  ndots: number;
}

const MAX_SEARCH = 32;
const MAX_NDOTS = 15;

const fieldsOf = (line: string): string[] =>
  line
    .replace(/[#;].*$/, '')
    .split(/\s+/)
    .filter((field) => field !== '');

export function parseHosts(text: string): Hosts {
  const hosts = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = fieldsOf(line);
    if (isIP(address) === 0) continue;
    for (const name of names) {
      const key = withoutDot(name.toLowerCase());
      const found = hosts.get(key) ?? [];
      if (!found.includes(address)) hosts.set(key, [...found, address]);
    }
  }
  return hosts;
}

export function parseResolvConf(text: string): ResolvConf {
  let search: string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [word, ...rest] = fieldsOf(line);
    // The last of them counts.
    if (word === 'search') search = rest;
    else if (word === 'domain') search = rest.slice(0, 1);
    else if (word === 'options') {
      for (const option of rest) {
        const [, digits] = /^ndots:(\d+)$/.exec(option) ?? [];
        if (digits !== undefined) ndots = Math.min(Number(digits), MAX_NDOTS);
      }
    }
  }
  const domains = search.map((domain) => withoutDot(domain.toLowerCase())).filter((domain) => domain !== '');
  return { search: domains.slice(0, MAX_SEARCH), ndots };
}

/** The names that are asked for, one after the other, until one of them exists (resolv.conf(5)). */
export function candidatesOf(host: string, { search, ndots }: ResolvConf): string[] {
  if (host.endsWith('.')) return [withoutDot(host)];
  const searched = search.map((domain) => `${host}.${domain}`);
  const dots = host.split('.').length - 1;
  return dots >= ndots ? [host, ...searched] : [...searched, host];
}

export function withoutDot(host: string): string {
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

/** What a file says, read again when it has changed. One that cannot be read says nothing. */
export class ParsedFile<T> {
  readonly #path: string;
  readonly #parse: (text: string) => T;
  #known: { version: string; value: T } | null = null;

  constructor(path: string, parse: (text: string) => T) {
    this.#path = path;
    this.#parse = parse;
  }

  get value(): T {
    const version = this.#version();
    if (this.#known?.version !== version) this.#known = { version, value: this.#parse(this.#read()) };
    return this.#known.value;
  }

  #version(): string {
    const found = statSync(this.#path, { throwIfNoEntry: false });
    return found === undefined ? '' : `${found.ino} ${found.size} ${found.mtimeMs}`;
  }

  #read(): string {
    try {
      return readFileSync(this.#path, 'utf8');
    } catch {
      return '';
    }
  }
}
