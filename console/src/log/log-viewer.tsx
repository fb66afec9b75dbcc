// The log of an execution: live, searchable, as long as it may be.
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { useExecd } from '../session/session.tsx';
import { useKeys } from '../shell/shortcuts.tsx';
import { whole } from '../words/format.ts';
import { LineView } from './line-view.ts';
import { LogFeed } from './log-feed.ts';
import { LogRow } from './log-row.tsx';
import { FIRST_SETTINGS, type LogSettings } from './log-settings.ts';
import { LogTools } from './log-tools.tsx';
import { LogWindow, type LogWindowHandle } from './log-window.tsx';
import { firstError } from './search.ts';
import { useFinds } from './use-finds.ts';
import { useMarkedLines } from './use-marked-lines.ts';

const ROW_PX = 20;

export function LogViewer({ id, isDone }: { id: string; isDone: boolean }) {
  const execd = useExecd();
  const feed = useMemo(() => new LogFeed(execd, id), [execd, id]);
  const state = useSyncExternalStore(feed.subscribe, feed.state);
  const [settings, setSettings] = useState(FIRST_SETTINGS);
  const marked = useMarkedLines();
  const [isPinned, setPinned] = useState(marked.lines === null);
  const window = useRef<LogWindowHandle>(null);
  const { stream, query, onlyFinds } = settings;
  const view = useMemo(
    () => new LineView(feed.store, { stream, text: onlyFinds ? query : '' }),
    [feed, stream, onlyFinds, query],
  );
  const count = view.length;
  const goTo = (index: number) => window.current?.scrollToRow(Math.max(0, view.rowOf(index) - 3));
  const finds = useFinds(feed.store, state.version, query, (number) => {
    marked.mark(number, false);
    goTo(number - feed.store.dropped - 1);
  });
  const jumpToError = () => {
    const index = firstError(feed.store);
    if (index === null) return;
    marked.mark(index + feed.store.dropped + 1, false);
    goTo(index);
  };
  // A link to a line is followed as soon as the line is there.
  const wanted = useRef(marked.lines?.from ?? null);
  useEffect(() => {
    if (wanted.current === null || feed.store.dropped + feed.store.length < wanted.current) return;
    goTo(wanted.current - feed.store.dropped - 1);
    wanted.current = null;
  });
  const searchField = useRef<HTMLInputElement>(null);
  const step = (by: number) => window.current?.scrollToRow(window.current.topRow() + by);
  useKeys({
    j: () => step(1),
    k: () => step(-1),
    g: () => window.current?.scrollToRow(0),
    G: () => setPinned(true),
    f: () => setPinned(!isPinned),
    e: jumpToError,
    n: finds.next,
    N: finds.previous,
    '/': () => searchField.current?.focus(),
  });
  const { began, dropped } = feed.store;
  return (
    <section className="log" aria-label="Log">
      <LogTools
        {...{ id, settings, finds, isPinned, isDone, searchField, jumpToError }}
        store={feed.store}
        isEnded={state.end !== null}
        onSettings={(changes) => setSettings({ ...settings, ...changes })}
        onFollow={() => setPinned(!isPinned)}
      />
      {state.error !== null && (
        <p className="problem" role="alert">
          {state.error.message}
        </p>
      )}
      {dropped > 0 && (
        <p className="notice">
          The first {whole(dropped)} lines are left out here. Download the log to see them.
        </p>
      )}
      {count === 0 ? (
        <p className="log-empty">{emptyWord(state.end !== null, isDone, settings)}</p>
      ) : (
        <LogWindow
          handle={window}
          {...{ count, isPinned }}
          rowPx={ROW_PX}
          isWrapped={settings.isWrapped}
          label="Lines of the log"
          onPinned={setPinned}
          renderRow={(row) => {
            const index = view.indexAt(row);
            const line = feed.store.line(index);
            const before = row === 0 ? line.attempt - 1 : feed.store.line(view.indexAt(row - 1)).attempt;
            return (
              <LogRow
                key={line.number}
                {...{ line, began, query }}
                times={settings.times}
                isMarked={marked.has(line.number)}
                attempt={before === line.attempt || line.attempt === 1 ? null : line.attempt}
                onNumber={marked.mark}
              />
            );
          }}
        />
      )}
    </section>
  );
}

function emptyWord(isEnded: boolean, isDone: boolean, { stream, onlyFinds }: LogSettings): string {
  if (onlyFinds) return 'No line has the text.';
  if (isEnded) return stream === 'all' ? 'It wrote nothing.' : `It wrote nothing to ${stream}.`;
  return isDone ? 'Loading the log …' : 'Nothing was written yet.';
}
