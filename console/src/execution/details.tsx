// What is known of an execution beside its log.
import type { Execution } from '../../../src/client/types.ts';
import { Facts } from '../ui/facts.tsx';
import { JsonTree } from '../ui/json-tree.tsx';
import { type Tab, Tabs } from '../ui/tabs.tsx';
import { bytes, duration, fullTime, whole } from '../words/format.ts';
import { DeliveriesTab } from './deliveries-tab.tsx';
import { EventsTab } from './events-tab.tsx';
import { FilesTab, hasFiles } from './files-tab.tsx';
import { ResultTab } from './result-tab.tsx';
import { ResourcesTab } from './resources-tab.tsx';
import { WhyTab } from './why-tab.tsx';

export function Details({ execution }: { execution: Execution }) {
  const tabs: Tab[] = [
    { id: 'result', label: 'Result', content: () => <ResultTab execution={execution} /> },
    { id: 'why', label: 'Why', content: () => <WhyTab of={execution} /> },
    { id: 'input', label: 'Input', content: () => <InputTab execution={execution} /> },
    { id: 'resources', label: 'Resources', content: () => <ResourcesTab execution={execution} /> },
    { id: 'events', label: 'Events', content: () => <EventsTab execution={execution} /> },
  ];
  if (hasFiles(execution))
    tabs.splice(1, 0, { id: 'files', label: 'Files', content: () => <FilesTab execution={execution} /> });
  if (execution.webhook !== null)
    tabs.push({ id: 'webhook', label: 'Webhook', content: () => <DeliveriesTab execution={execution} /> });
  if (execution.cost !== null)
    tabs.push({ id: 'cost', label: 'Cost', content: () => <CostTab execution={execution} /> });
  return (
    <aside className="details" aria-label="Details">
      <Tabs label="Details" tabs={tabs} />
    </aside>
  );
}

function InputTab({ execution }: { execution: Execution }) {
  const {
    spec,
    timeouts,
    monitor,
    limits,
    stop,
    retry,
    isolation,
    priority,
    cache,
    policy_version: policy,
  } = execution;
  const ms = (value: number | null) => (value === null ? 'no limit' : duration(value));
  const size = (value: number | null) => (value === null ? 'no limit' : bytes(value));
  return (
    <>
      <h2 className="label">Request</h2>
      <JsonTree value={spec} />
      <h2 className="label">After all defaults</h2>
      <Facts
        rows={[
          ['Attempt', ms(timeouts.attempt_ms)],
          ['Idle', ms(timeouts.idle_ms)],
          ['Queue', ms(timeouts.queue_ms)],
          ['In total', ms(timeouts.total_ms)],
          ['Late to start', monitor?.late_start_ms == null ? '–' : duration(monitor.late_start_ms)],
          ['Late', monitor?.late_ms == null ? '–' : duration(monitor.late_ms)],
          ['Stuck', monitor?.stuck_ms == null ? '–' : duration(monitor.stuck_ms)],
          ['Memory', size(limits.memory_bytes)],
          ['CPU time', limits.cpu_s === null ? 'no limit' : duration(limits.cpu_s * 1000)],
          ['Processes', limits.processes === null ? 'no limit' : whole(limits.processes)],
          ['Stop', stop === null ? '–' : `${stop.signal}, SIGKILL after ${duration(stop.grace_ms)}`],
          ['Attempts', whole(retry?.attempts ?? 1)],
          ['Cache', cache === null ? 'not used' : `${cache.status} (${cache.mode})`],
          ['Isolation', isolation],
          ['Priority', String(priority)],
          ['Policy', policy ?? '–'],
        ]}
      />
    </>
  );
}

function CostTab({ execution: { cost, timestamps } }: { execution: Execution }) {
  if (cost === null) return null;
  const credits = (value: number | null) => (value === null ? '–' : whole(value));
  return (
    <Facts
      rows={[
        ['Reserved', credits(cost.reserved)],
        ['Charged', cost.charged === null ? 'shortly after its end' : credits(cost.charged)],
        ['Returned', credits(cost.refunded)],
        ['Balance after it', credits(cost.balance_after)],
        ['Balance before it', credits(cost.balance)],
        ['Accepted', fullTime(timestamps.created)],
      ]}
    />
  );
}
