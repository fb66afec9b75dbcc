// What an agent can read beside the results of its calls. Each kind of resource is one row.
import {
  ProtocolError,
  ProtocolErrorCode,
  type Resource,
  type ResourceTemplateType,
} from '@modelcontextprotocol/server';
import { dataOf, type Execd, NotFoundError } from '../client/index.ts';
import { wholeLog } from './logs.ts';
import { logUri } from './results.ts';

interface Kind {
  /** The end of its URI, after `execd://executions/{id}`. */
  path: string;
  name: string;
  description: string;
  mimeType: string;
  read: (client: Execd, id: string, signal: AbortSignal) => Promise<{ text: string } | { blob: string }>;
}

const TEXT = 'text/plain';
const KINDS: readonly Kind[] = [
  {
    ...{ path: '', name: 'execution', description: 'An execution: request, state, result.' },
    mimeType: 'application/json',
    read: async (client, id, signal) => ({ text: JSON.stringify(await client.get(id, { signal }), null, 1) }),
  },
  {
    ...{
      path: '/log',
      name: 'log',
      description: 'The output of an execution, both streams.',
      mimeType: TEXT,
    },
    read: (client, id, signal) => wholeLog(client, id, 'all', signal),
  },
  {
    ...{ path: '/stdout', name: 'stdout', description: 'Its standard output.', mimeType: TEXT },
    read: (client, id, signal) => wholeLog(client, id, 'stdout', signal),
  },
  {
    ...{ path: '/stderr', name: 'stderr', description: 'Its standard error.', mimeType: TEXT },
    read: (client, id, signal) => wholeLog(client, id, 'stderr', signal),
  },
];

export const RESOURCE_TEMPLATES: readonly ResourceTemplateType[] = KINDS.map(
  ({ path, read: _, ...about }) => ({
    ...about,
    uriTemplate: `execd://executions/{id}${path}`,
  }),
);

const LISTED = 50;

const SCHEDULES = 'execd://schedules';

/** The logs of the newest executions, and the schedules. */
export async function listResources(client: Execd, signal: AbortSignal): Promise<Resource[]> {
  const found: Resource[] = [];
  for await (const { id, kind, status } of client.list({ limit: LISTED }, { signal })) {
    found.push({ uri: logUri(id), name: `log of ${id}`, description: `${kind}, ${status}`, mimeType: TEXT });
    if (found.length === LISTED) break;
  }
  found.push({
    ...{ uri: SCHEDULES, name: 'schedules', mimeType: 'application/json' },
    description: 'The schedules of this user, with their work and next due times.',
  });
  return found;
}

export async function readResource(client: Execd, uri: string, signal: AbortSignal) {
  if (uri === SCHEDULES) {
    const { items } = await dataOf(client.api.GET('/v1/schedules', { signal }));
    return { contents: [{ uri, mimeType: 'application/json', text: JSON.stringify(items, null, 1) }] };
  }
  const [, id = '', path = ''] = /^execd:\/\/executions\/([^/?#]+)(\/[a-z]+)?$/.exec(uri) ?? [];
  const kind = KINDS.find((one) => one.path === path);
  if (id === '' || kind === undefined) throw noSuch(uri);
  try {
    const content = await kind.read(client, decodeURIComponent(id), signal);
    const mimeType = 'blob' in content ? 'application/octet-stream' : kind.mimeType;
    return { contents: [{ uri, mimeType, ...content }] };
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof URIError) throw noSuch(uri);
    throw error;
  }
}

function noSuch(uri: string): ProtocolError {
  const ways = RESOURCE_TEMPLATES.map(({ uriTemplate }) => uriTemplate).join(', ');
  return new ProtocolError(
    ProtocolErrorCode.InvalidParams,
    `There is no resource ${uri.slice(0, 200)}. There are ${SCHEDULES}, ${ways}.`,
  );
}
