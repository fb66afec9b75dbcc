// What a caller may run, as `GET /v1/me` says it. It decides which tools are offered; whether a call is allowed is decided by the
// API, each time.
import { dataOf, type Execd, type Me, type Operation } from '../client/index.ts';

type Grants = Exclude<Me['may_run'], 'policy'>;

export interface Rights {
  scopes: ReadonlySet<Me['scopes'][number]>;
  /** Each of these lists must allow what runs. */
  lists: readonly Grants[];
}

export async function readRights(client: Execd, signal: AbortSignal): Promise<Rights> {
  const {
    scopes,
    may_run: ofKey,
    policy_may_run: ofUser,
  } = await dataOf(client.api.GET('/v1/me', { signal }));
  const lists: Grants[] = ofUser === null ? [] : [ofUser];
  if (ofKey !== 'policy') lists.push(ofKey);
  // A key that leaves it to the policy file may run nothing where there is none.
  else if (ofUser === null) lists.push([]);
  return { scopes: new Set(scopes), lists };
}

/** Which commands may run: any, these programs, or none. Templates fix their programs in the policy file. */
export function commandsOf({ lists }: Rights): 'any' | 'none' | { programs: string[] } {
  const closed = lists.filter((list) => list !== 'any');
  if (closed.length === 0) return 'any';
  const isOpen = closed.every((list) => list.some((one) => 'program' in one || 'template' in one));
  if (!isOpen) return 'none';
  const programs = closed.flatMap((list) => list.flatMap((one) => ('program' in one ? [one.program] : [])));
  return { programs: [...new Set(programs)] };
}

export function mayRunOperation({ lists }: Rights, { name }: Pick<Operation, 'name'>): boolean {
  return lists.every(
    (list) => list === 'any' || list.some((one) => 'operation' in one && one.operation === name),
  );
}
