import type { ReactNode } from 'react';
import { useQueryParam } from './query-params.ts';
import { useInView } from './use-in-view.ts';

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
          <TabButton key={tab.id} {...tab} isCurrent={tab === current} onChoose={() => choose(tab.id)} />
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

function TabButton({
  id,
  label,
  isCurrent,
  onChoose,
}: Pick<Tab, 'id' | 'label'> & { isCurrent: boolean; onChoose: () => void }) {
  const element = useInView<HTMLButtonElement>(isCurrent);
  return (
    <button
      ref={element}
      id={`tab-${id}`}
      type="button"
      role="tab"
      aria-selected={isCurrent}
      aria-controls="tab-panel"
      tabIndex={isCurrent ? 0 : -1}
      onClick={onChoose}
    >
      {label}
    </button>
  );
}
