// The bar above a log.
import type { Ref } from 'react';
import { useTab } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { Icon } from '../ui/icon.tsx';
import { plural, whole } from '../words/format.ts';
import { plainText } from './ansi.ts';
import { saveLog } from './download.ts';
import type { Times } from './log-row.tsx';
import type { LogStore } from './log-store.ts';
import type { LogSettings } from './log-settings.ts';
import type { Finds } from './use-finds.ts';

interface Props {
  id: string;
  store: LogStore;
  settings: LogSettings;
  onSettings: (changes: Partial<LogSettings>) => void;
  finds: Finds;
  searchField: Ref<HTMLInputElement>;
  isPinned: boolean;
  isDone: boolean;
  isEnded: boolean;
  onFollow: () => void;
  jumpToError: () => void;
}

/** What is copied at most: the clipboard is no place for more. */
const COPIED_LINES = 20_000;
const NEXT_TIMES: Record<Times, Times> = { off: 'clock', clock: 'since', since: 'off' };
const TIMES_WORD: Record<Times, string> = { off: 'no times', clock: 'clock', since: 'since start' };

export function LogTools(props: Props) {
  const { id, store, settings, onSettings, finds, searchField, isPinned, isEnded, onFollow, jumpToError } =
    props;
  const tab = useTab();
  return (
    <div className="log-tools">
      <label className="search">
        <Icon name="search" />
        <input
          ref={searchField}
          type="search"
          aria-label="Search in the log"
          placeholder="Search the log"
          spellCheck={false}
          value={settings.query}
          onChange={({ target }) =>
            onSettings({ query: target.value, ...(target.value === '' && { onlyFinds: false }) })
          }
          onKeyDown={({ key, shiftKey }) => {
            if (key === 'Enter') (shiftKey ? finds.previous : finds.next)();
          }}
        />
      </label>
      {settings.query !== '' && (
        <>
          <span className="finds" role="status">
            {finds.at > 0 ? `${whole(finds.at)} of ${whole(finds.count)}` : plural(finds.count, 'line')}
          </span>
          <Button look="quiet" icon="up" aria-label="Previous find" onClick={finds.previous} />
          <Button look="quiet" icon="down" aria-label="Next find" onClick={finds.next} />
          <Button
            look="quiet"
            icon="filter"
            aria-label="Only lines that have it"
            aria-pressed={settings.onlyFinds}
            onClick={() => onSettings({ onlyFinds: !settings.onlyFinds })}
          />
        </>
      )}
      <span className="log-count">{plural(store.dropped + store.length, 'line')}</span>
      <span className="spread" />
      <select
        aria-label="Stream"
        value={settings.stream}
        onChange={({ target }) => onSettings({ stream: target.value as LogSettings['stream'] })}
      >
        <option value="all">both</option>
        <option value="stdout">stdout</option>
        <option value="stderr">stderr</option>
      </select>
      <Button look="quiet" icon="warning" onClick={jumpToError} aria-label="Jump to the first error" />
      <Button
        look="quiet"
        icon="clock"
        aria-label={`Times: ${TIMES_WORD[settings.times]}`}
        aria-pressed={settings.times !== 'off'}
        onClick={() => onSettings({ times: NEXT_TIMES[settings.times] })}
      />
      <Button
        look="quiet"
        icon="wrap"
        aria-label="Wrap long lines"
        aria-pressed={settings.isWrapped}
        onClick={() => onSettings({ isWrapped: !settings.isWrapped })}
      />
      <CopyButton label="Copy the log" text={() => textOf(store)} />
      <Button
        look="quiet"
        icon="download"
        aria-label="Download the log as it was written"
        onClick={() => void saveLog(tab.execd, id)}
      />
      <Button
        className="follow"
        icon="down"
        aria-pressed={isPinned}
        look={isPinned && !isEnded ? 'main' : 'plain'}
        onClick={onFollow}
      >
        {isEnded ? 'End' : isPinned ? 'Following' : 'Follow'}
      </Button>
    </div>
  );
}

function textOf(store: LogStore): string {
  const lines: string[] = [];
  const from = Math.max(0, store.length - COPIED_LINES);
  for (let index = from; index < store.length; index++) lines.push(plainText(store.textOf(index)));
  return lines.join('\n');
}
