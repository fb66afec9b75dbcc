import type { ReactNode } from 'react';
import { useQueryParam } from './query-params.ts';

export interface Tab {
  id: string;
  label: string;
  content: () => ReactNode;
}

/** Tabs whose choice is in the URL. */
export function Tabs({
  label,
  tabs,
  param = 'tab',
}: {
  label: string;
  tabs: readonly Tab[];
  param?: string;
}) {
  const [chosen, choose] = useQueryParam(param);
  const current = tabs.find(({ id }) => id === chosen) ?? tabs[0];
  const move = (step: number) => {
    const at = tabs.findIndex((tab) => tab === current);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    if (next === undefined) return;
    choose(next.id);
    document.getElementById(`tab-${next.id}`)?.focus();
  };
  return (
    <>
      <div
        className="tabs"
        role="tablist"
        aria-label={label}
        onKeyDown={({ key }) => {
          if (key === 'ArrowRight') move(1);
          if (key === 'ArrowLeft') move(-1);
        }}
      >
        {tabs.map((tab) => (
          <button
            key={tab.id}
            id={`tab-${tab.id}`}
            type="button"
            role="tab"
            aria-selected={tab === current}
            aria-controls="tab-panel"
            tabIndex={tab === current ? 0 : -1}
            onClick={() => choose(tab.id)}
          >
            {tab.label}
          </button>
        ))}
      </div>
      <div
        className="tab-panel"
        id="tab-panel"
        role="tabpanel"
        aria-labelledby={`tab-${current?.id}`}
        tabIndex={0}
      >
        {current?.content()}
      </div>
    </>
  );
}
