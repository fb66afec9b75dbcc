// The filters, each of which is in the URL.
import { useEffect, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import { useKeys } from '../shell/shortcuts.tsx';
import { Button } from '../ui/button.tsx';
import { Icon } from '../ui/icon.tsx';
import { useQueryParams } from '../ui/query-params.ts';
import { KINDS, STATUSES, statusWord } from '../words/status.ts';
import { type Filter, isFiltered, NO_FILTER, PERIODS } from './filter.ts';

const TYPED_MS = 200;
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function FilterBar({ filter }: { filter: Filter }) {
  const [, change] = useQueryParams();
  const toggle = <Word extends string>(list: readonly Word[], one: Word) =>
    list.includes(one) ? list.filter((other) => other !== one) : [...list, one];
  return (
    <div className="filters" role="search" aria-label="Executions">
      <SearchField text={filter.text} />
      <fieldset className="chips">
        <legend>Status</legend>
        {STATUSES.map((one) => (
          <button
            key={one}
            type="button"
            className={`chip tone-${one}`}
            aria-pressed={filter.status.includes(one)}
            onClick={() => change({ status: toggle(filter.status, one) })}
          >
            {statusWord(one)}
          </button>
        ))}
      </fieldset>
      <select
        aria-label="Kind"
        value={filter.kind[0] ?? ''}
        onChange={({ target }) => change({ kind: target.value })}
      >
        <option value="">all kinds</option>
        {KINDS.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
      <select
        aria-label="Period"
        value={filter.period ?? ''}
        onChange={({ target }) => change({ since: target.value })}
      >
        <option value="">any time</option>
        {Object.keys(PERIODS).map((one) => (
          <option key={one} value={one}>
            last {one}
          </option>
        ))}
      </select>
      {filter.taskId !== '' && (
        <Removable what={`task ${filter.taskId}`} onRemove={() => change({ task_id: null })} />
      )}
      {filter.operation !== '' && (
        <Removable what={`operation ${filter.operation}`} onRemove={() => change({ operation: null })} />
      )}
      {filter.label.map((one) => (
        <Removable
          key={one}
          what={one}
          onRemove={() => change({ label: filter.label.filter((other) => other !== one) })}
        />
      ))}
      {isFiltered(filter) && (
        <Button look="quiet" onClick={() => change(NO_FILTER)}>
          Clear
        </Button>
      )}
    </div>
  );
}

function Removable({ what, onRemove }: { what: string; onRemove: () => void }) {
  return (
    <button
      type="button"
      className="chip"
      aria-pressed="true"
      aria-label={`Remove the filter ${what}`}
      onClick={onRemove}
    >
      {what} <span aria-hidden="true">×</span>
    </button>
  );
}

/** A word that is `name=value` is a label, `task:…` a task, and a whole id is where to go. */
function SearchField({ text }: { text: string }) {
  const [, change] = useQueryParams();
  const [, navigate] = useLocation();
  const [typed, setTyped] = useState(text);
  const field = useRef<HTMLInputElement>(null);
  useKeys({ '/': () => field.current?.focus() });
  useEffect(() => setTyped(text), [text]);
  useEffect(() => {
    if (typed === text) return;
    const timer = window.setTimeout(() => change({ q: typed }), TYPED_MS);
    return () => window.clearTimeout(timer);
  });
  const submit = () => {
    const words = typed.trim().split(/\s+/);
    if (ID.test(typed.trim())) return navigate(`/executions/${typed.trim()}`);
    const labels = words.filter((word) => /^[\w./-]+=\S+$/.test(word));
    const task = words.find((word) => word.startsWith('task:'));
    const rest = words.filter((word) => !labels.includes(word) && word !== task);
    const params = new URLSearchParams(window.location.search);
    change({
      q: rest.join(' '),
      label: [...new Set([...params.getAll('label'), ...labels])],
      ...(task === undefined ? {} : { task_id: task.slice('task:'.length) }),
    });
  };
  return (
    <label className="search">
      <Icon name="search" />
      <input
        ref={field}
        type="search"
        aria-label="Search by id, command, label or task"
        placeholder="id, command, label=value, task:…"
        spellCheck={false}
        value={typed}
        onChange={({ target }) => setTyped(target.value)}
        onKeyDown={({ key }) => {
          if (key === 'Enter') submit();
        }}
      />
    </label>
  );
}
