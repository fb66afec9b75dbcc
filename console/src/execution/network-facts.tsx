// The network of listed hosts of a sandbox: what it reached, and what execd refused it.
import type { Execution } from '../../../src/client/types.ts';
import { bytes, plural, whole } from '../words/format.ts';

export type NetworkEnd = NonNullable<NonNullable<Execution['attempts'][number]['outcome']>['network']>;
type Refusal = NetworkEnd['refused']['hosts'][number];

const REASONS: Record<Refusal['reason'], string> = {
  not_listed: 'not in network.allow',
  address: 'an address, not a name',
  not_public: 'its address is not public',
  byte_limit: 'the attempt has used its bytes',
};
/** So many hosts are named above the log. */
const NAMED = 3;

/** Above the log: mostly the reason why a command in a sandbox failed. */
export function RefusedHosts({ execution: { attempts } }: { execution: Execution }) {
  const hosts = attempts.at(-1)?.outcome?.network?.refused.hosts ?? [];
  if (hosts.length === 0) return null;
  const more = hosts.length - NAMED;
  return (
    <p className="notice">
      The sandbox could not reach{' '}
      {hosts.slice(0, NAMED).map(({ host, reason }, i) => (
        <span key={`${host} ${reason}`}>
          {i > 0 && ', '}
          <code>{host}</code> ({REASONS[reason]})
        </span>
      ))}
      {more > 0 && ` and ${whole(more)} more`}.
    </p>
  );
}

/** Of one attempt, as rows of its facts. */
export function networkRows({
  connections,
  sent_bytes: sent,
  received_bytes: received,
  refused,
}: NetworkEnd): [name: string, value: string][] {
  const reasons = Object.entries(refused.reasons) as [Refusal['reason'], number][];
  const rows: [string, string][] = [
    ['Network', `${plural(connections, 'connection')}, ${bytes(sent)} sent, ${bytes(received)} received`],
    [
      'Refused',
      reasons.length === 0
        ? 'nothing'
        : reasons.map(([reason, count]) => `${whole(count)} × ${REASONS[reason]}`).join(', '),
    ],
  ];
  if (refused.hosts.length > 0) rows.push(['Hosts', refused.hosts.map(({ host }) => host).join(', ')]);
  return rows;
}
