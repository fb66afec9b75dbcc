// The list of executions, live.
import { useState } from 'react';
import { useLocation } from 'wouter';
import { useKeys } from '../shell/shortcuts.tsx';
import { Button } from '../ui/button.tsx';
import { useQueryParams } from '../ui/query-params.ts';
import { Failed, Loading } from '../ui/states.tsx';
import { plural, whole } from '../words/format.ts';
import { BulkBar } from './bulk-bar.tsx';
import { ExecutionTable } from './execution-table.tsx';
import { type Filter, isFiltered, NO_FILTER, readFilter } from './filter.ts';
import { FilterBar } from './filter-bar.tsx';
import { NothingMatches, NothingYet } from './nothing.tsx';
import { Scatter } from './scatter.tsx';
import { Strip } from './strip.tsx';
import { type Executions, useExecutions } from './use-executions.ts';
import { useHeld } from './use-held.ts';

export function ExecutionsScreen() {
  const [params, change] = useQueryParams();
  const filter = readFilter(params);
  const list = useExecutions(filter);
  const hasPlot = params.has('plot');
  return (
    <div className="screen executions">
      <h1 className="sr-only">Executions</h1>
      <Strip rows={list.rows} />
      <div className="toolbar">
        <FilterBar filter={filter} />
        <Button look="quiet" aria-pressed={hasPlot} onClick={() => change({ plot: hasPlot ? null : '1' })}>
          Durations
        </Button>
      </div>
      {hasPlot && <Scatter rows={list.rows} />}
      <Rows list={list} filter={filter} />
    </div>
  );
}

function Rows({ list, filter }: { list: Executions; filter: Filter }) {
  const [, change] = useQueryParams();
  const [, navigate] = useLocation();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [at, setAt] = useState(-1);
  const { rows, heldBack, hold, release } = useHeld(list.rows);
  const toggle = (id: string) => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    setSelected(next);
  };
  const go = (to: number) => setAt(Math.max(0, Math.min(rows.length - 1, to)));
  const current = rows[at];
  useKeys({
    j: () => go(at + 1),
    k: () => go(at - 1),
    g: () => go(0),
    G: () => go(rows.length - 1),
    x: () => current && toggle(current.id),
    Enter: () => current && navigate(`/executions/${current.id}`),
  });
  if (list.error !== null && rows.length === 0) return <Failed error={list.error} onRetry={list.reload} />;
  if (list.isLoading) return <Loading what="executions" />;
  if (rows.length === 0 && !list.isLoadingMore)
    return isFiltered(filter) ? <NothingMatches onClear={() => change(NO_FILTER)} /> : <NothingYet />;
  return (
    <>
      <ExecutionTable
        {...{ rows, selected, toggle, at, hold, release }}
        loadMore={list.loadMore}
        end={<EndOfList list={list} filter={filter} />}
      />
      {heldBack > 0 && (
        <Button look="main" className="held" icon="up" onClick={release}>
          {plural(heldBack, 'new execution')}
        </Button>
      )}
      {selected.size > 0 && (
        <BulkBar rows={rows.filter(({ id }) => selected.has(id))} onClear={() => setSelected(new Set())} />
      )}
    </>
  );
}

function EndOfList({ list, filter }: { list: Executions; filter: Filter }) {
  if (list.isLoadingMore) return <p className="end">Loading more …</p>;
  if (!list.hasMore) return <p className="end">These are all {whole(list.rows.length)}.</p>;
  const what =
    filter.text === '' ? 'Load more' : `Searched the newest ${whole(list.searched)}. Search further`;
  return (
    <p className="end">
      <Button look="quiet" onClick={list.loadMore}>
        {what}
      </Button>
    </p>
  );
}
