// The table. Only the rows that can be seen are in the page, however many there are.
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useEffect, useRef } from 'react';
import type { Execution } from '../../../src/client/types.ts';
import { PHONE, useMedia } from '../ui/use-media.ts';
import { ExecutionRow } from './execution-row.tsx';

const ROW_PX = 34;
const PHONE_ROW_PX = 60;
const OVERSCAN = 10;
/** So many rows before the end the next page is asked for. */
const AHEAD = 20;
const COLUMNS = ['', 'Status', 'Command', 'Kind', 'Started', 'Duration', 'Exit', 'Tries'];

interface Props {
  rows: readonly Execution[];
  selected: ReadonlySet<string>;
  toggle: (id: string) => void;
  /** The row that the keys are at. */
  at: number;
  hold: () => void;
  release: () => void;
  loadMore: () => void;
  end: ReactNode;
}

export function ExecutionTable({ rows, selected, toggle, at, hold, release, loadMore, end }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const isPhone = useMedia(PHONE);
  const rowPx = isPhone ? PHONE_ROW_PX : ROW_PX;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPx,
    getItemKey: (i) => rows[i]?.id ?? i,
    overscan: OVERSCAN,
    initialOffset: () => Number(sessionStorage.getItem(placeKey()) ?? 0),
  });
  useEffect(() => virtual.measure(), [virtual, rowPx]);
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at);
  }, [virtual, at]);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= rows.length - AHEAD && rows.length > AHEAD) loadMore();
  }, [last, rows.length, loadMore]);
  return (
    <div
      ref={scroller}
      className="table-scroll"
      tabIndex={0}
      onPointerEnter={({ pointerType }) => pointerType === 'mouse' && hold()}
      onPointerLeave={release}
      onScroll={({ currentTarget }) => sessionStorage.setItem(placeKey(), String(currentTarget.scrollTop))}
    >
      <div role="table" aria-label="Executions" aria-rowcount={rows.length + 1} className="table">
        <div role="row" className="row head">
          {COLUMNS.map((name) => (
            <span key={name} role="columnheader">
              {name === '' ? <span className="sr-only">Selected</span> : name}
            </span>
          ))}
        </div>
        <div role="rowgroup" className="table-body" style={{ height: virtual.getTotalSize() }}>
          {items.map(({ index, key, start }) => {
            const row = rows[index];
            return (
              row && (
                <ExecutionRow
                  key={key}
                  {...{ row, start, index, toggle }}
                  isSelected={selected.has(row.id)}
                  isCurrent={index === at}
                />
              )
            );
          })}
        </div>
      </div>
      {end}
    </div>
  );
}

/** Where the list was scrolled to, so that one comes back to the same place. */
const placeKey = (): string => `execd-place:${window.location.search}`;
