// The server itself.
import { useCan } from '../session/session.tsx';
import { type Tab, Tabs } from '../ui/tabs.tsx';
import { AccountTab } from './account-tab.tsx';
import { AuditTab } from './audit-tab.tsx';
import { CacheTab } from './cache-tab.tsx';
import { CircuitsTab } from './circuits-tab.tsx';
import { OperationsTab } from './operations-tab.tsx';
import { OverviewTab } from './overview-tab.tsx';
import { PausesTab } from './pauses-tab.tsx';
import { RunnersTab } from './runners-tab.tsx';
import { SettingsTab } from './settings-tab.tsx';
import { UsageTab } from './usage-tab.tsx';
import { WebhooksTab } from './webhooks-tab.tsx';

export function SystemScreen() {
  const isAdmin = useCan('admin');
  const tabs: Tab[] = [
    { id: 'now', label: 'Now', content: () => <OverviewTab /> },
    { id: 'usage', label: 'Shares', content: () => <UsageTab /> },
    { id: 'operations', label: 'Operations', content: () => <OperationsTab /> },
    { id: 'webhooks', label: 'Webhooks', content: () => <WebhooksTab /> },
    { id: 'runners', label: 'Runners', content: () => <RunnersTab /> },
    { id: 'cache', label: 'Cache', content: () => <CacheTab /> },
    { id: 'circuits', label: 'Circuits', content: () => <CircuitsTab /> },
    { id: 'credits', label: 'Credits', content: () => <AccountTab /> },
  ];
  if (isAdmin)
    tabs.push(
      { id: 'pauses', label: 'Pauses', content: () => <PausesTab /> },
      { id: 'audit', label: 'Audit log', content: () => <AuditTab /> },
      { id: 'settings', label: 'Settings', content: () => <SettingsTab /> },
    );
  return (
    <div className="screen system">
      <h1 className="sr-only">System</h1>
      <Tabs label="System" tabs={tabs} />
    </div>
  );
}
