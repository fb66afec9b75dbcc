// What network a command has in a sandbox: none, that of this machine, or listed hosts, which it reaches through a proxy of
// the server (src/runners/requests/sandbox-proxy.ts).
import { z } from 'zod';

/** Entries of a list. */
export const MAX_NETWORK_HOSTS = 100;
/** Of an entry without a port. */
const USUAL_PORTS = [80, 443];

/** True is the network of this machine, false none, a list its hosts as `networkHost` writes them. */
export type Network = boolean | readonly string[];

const FORM = /^(\*\.)?((?!-)[a-z0-9_-]{1,63}(?:\.(?!-)[a-z0-9_-]{1,63})*)(?::([1-9]\d{0,4}))?$/;
/** The last label of a name is no number (RFC 3696 §2), in whatever form systems read as an address. */
const ADDRESS = /(^|\.)(\d+|0x[0-9a-f]*)$/;

const isEntry = (text: string): boolean => {
  const [, , name = '', port = '80'] = FORM.exec(text) ?? [];
  return name !== '' && name.length <= 253 && !ADDRESS.test(name) && Number(port) <= 65_535;
};

export const networkHost = z
  .string()
  .max(300)
  .refine(
    isEntry,
    'must be a host name in lower case, such as pypi.org, or *.example.com for all names below it, with :port for a port other than 80 and 443; an address is not a name',
  );

/** As specs and templates have it. */
export const network = z
  .union(
    [
      z.boolean(),
      z.strictObject({
        allow: z
          .array(networkHost)
          .min(1)
          .max(MAX_NETWORK_HOSTS)
          .describe(
            'Hosts that it may reach through the proxy in HTTP_PROXY and HTTPS_PROXY: `name`, `*.name`, `name:port`. Without a port: 80 and 443.',
          ),
      }),
    ],
    {
      error: ({ input }) =>
        typeof input === 'object' ? undefined : 'must be true, false or {allow: [host, …]}',
    },
  )
  .describe(
    'The network of its sandbox: none, that of the server, or listed hosts; at most what the policy allows. Requires `isolation: sandbox` or `root`.',
  );

/** Words that are no hosts, whoever writes them. */
const NO_HOSTS = /^(yes|no|on|off|any|all|none)$/;

/** A setting: `true`, `false`, or hosts, comma-separated. */
export const networkSetting = z
  .string()
  .transform((text): Network =>
    text === 'true' || text === 'false' ? text === 'true' : text.split(',').map((one) => one.trim()),
  )
  .superRefine((said, context) => {
    if (typeof said === 'boolean') return;
    const bad = said.find((one) => !isEntry(one) || NO_HOSTS.test(one));
    const message =
      bad !== undefined
        ? `must be true, false or hosts such as pypi.org, *.example.com or db.example.com:5432, comma-separated; "${bad}" is none of these`
        : said.length > MAX_NETWORK_HOSTS
          ? `has ${said.length} hosts; at most ${MAX_NETWORK_HOSTS} are allowed`
          : null;
    if (message !== null) context.addIssue({ code: 'custom', message });
  });

export const networkOf = (said: z.infer<typeof network>): Network =>
  typeof said === 'boolean' ? said : said.allow;

// -------------------------------------------------------------------------------------------------- comparison

interface Entry {
  /** Begins with a dot where it stands for all names that end so. */
  name: string;
  ports: readonly number[];
}

function entryOf(text: string): Entry {
  const [, star, name = '', port] = FORM.exec(text) ?? [];
  return {
    name: star === undefined ? name : `.${name}`,
    ports: port === undefined ? USUAL_PORTS : [Number(port)],
  };
}

const includes = (wide: string, narrow: string): boolean =>
  wide === narrow || (wide.startsWith('.') && narrow.endsWith(wide));

function textOf({ name, ports }: Entry): string[] {
  const written = name.startsWith('.') ? `*${name}` : name;
  return ports === USUAL_PORTS ? [written] : ports.map((port) => `${written}:${port}`);
}

/** What both allow. */
function entryInBoth(a: Entry, b: Entry): string[] {
  const name = includes(a.name, b.name) ? b.name : includes(b.name, a.name) ? a.name : null;
  if (name === null) return [];
  const ports = a.ports === b.ports ? a.ports : a.ports.filter((port) => b.ports.includes(port));
  return textOf({ name, ports });
}

/** What both allow: a request can narrow what the policy allows, and nothing else. */
export function networkInBoth(a: Network, b: Network): Network {
  if (a === true) return b;
  if (b === true) return a;
  if (a === false || b === false) return false;
  const [ours, theirs] = [a.map(entryOf), b.map(entryOf)];
  return [...new Set(ours.flatMap((one) => theirs.flatMap((other) => entryInBoth(one, other))))];
}

/** An entry of `asked` that is not allowed, or not at all its ports; null when all are. */
export function firstOutside(asked: readonly string[], allowed: Network): number | null {
  if (typeof allowed === 'boolean') return allowed ? null : 0;
  const entries = allowed.map(entryOf);
  const isInside = ({ name, ports }: Entry) =>
    ports.every((port) => entries.some((one) => includes(one.name, name) && one.ports.includes(port)));
  const at = asked.findIndex((one) => !isInside(entryOf(one)));
  return at < 0 ? null : at;
}

/** Whether a list lets a host be reached. `host` in lower case, without a dot at its end. */
export function isListed(hosts: readonly string[], { host, port }: { host: string; port: number }): boolean {
  return hosts.map(entryOf).some((one) => includes(one.name, host) && one.ports.includes(port));
}

// ---------------------------------------------------------------------------------------------------------- end

/** Why a connection of a sandbox was refused. */
export const NETWORK_REFUSALS = ['not_listed', 'address', 'not_public', 'byte_limit'] as const;
export type NetworkRefusal = (typeof NETWORK_REFUSALS)[number];

/** What an attempt did with its network of listed hosts. The names are those of the wire. */
export interface NetworkEnd {
  /** Tunnels and requests that reached their host. */
  connections: number;
  sent_bytes: number;
  received_bytes: number;
  /** `reasons`: how many refusals there were for each; `hosts`: the first different ones. */
  refused: {
    reasons: Partial<Record<NetworkRefusal, number>>;
    hosts: readonly { host: string; reason: NetworkRefusal }[];
  };
}
