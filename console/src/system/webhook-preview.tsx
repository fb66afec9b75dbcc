// What a webhook would send, without sending it.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { dataOf } from '../../../src/client/calls.ts';
import type { Webhook } from '../../../src/client/types.ts';
import { useExecd } from '../session/session.tsx';
import { JsonField } from '../submit/json-field.tsx';
import { readJson } from '../submit/values.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Loading, Problem } from '../ui/states.tsx';

const MOST_FAILURES = 1_000_000;
const PREVIOUS = ['', 'completed', 'failed', 'timed_out', 'cancelled'] as const;

export function WebhookPreview({ of: { id, url }, onClose }: { of: Webhook; onClose: () => void }) {
  const execd = useExecd();
  const [failures, setFailures] = useState(1);
  const [previous, setPrevious] = useState('');
  const [text, setText] = useState('');
  const read = text.trim() === '' ? { value: {}, problem: '' } : readJson(text);
  const event = text.trim() === '' || read.value === null ? {} : { event: { ...read.value } };
  const { data, error } = useQuery({
    queryKey: ['webhook preview', id, failures, previous, event],
    queryFn: ({ signal }) =>
      dataOf(
        execd.api.POST('/v1/webhooks/{id}/preview', {
          params: { path: { id } },
          body: { failures, previous: previous === '' ? null : previous, ...event },
          signal,
        }),
      ),
    placeholderData: (before) => before,
    retry: false,
  });
  return (
    <Dialog title="Preview" isWide onClose={onClose}>
      <div className="form">
        <p className="hint">
          To <code>{url}</code>. Nothing is sent.
        </p>
        <div className="preview-fields">
          <label className="field">
            <span>Failures in a row</span>
            <input
              type="number"
              min={0}
              max={MOST_FAILURES}
              value={failures}
              onChange={({ target }) => setFailures(Math.max(0, Math.trunc(target.valueAsNumber || 0)))}
            />
          </label>
          <label className="field">
            <span>Status before</span>
            <select value={previous} onChange={({ target }) => setPrevious(target.value)}>
              {PREVIOUS.map((one) => (
                <option key={one} value={one}>
                  {one === '' ? 'none' : one.replace('_', ' ')}
                </option>
              ))}
            </select>
          </label>
        </div>
        <JsonField
          label="Event as JSON (empty: a command that failed)"
          rows={3}
          text={text}
          read={read}
          onChange={setText}
        />
        <Problem error={error} />
        {data === undefined && error === null && <Loading what="the message" />}
        {data !== undefined && error === null && (
          <section aria-label="Message" aria-live="polite">
            <p>
              {data.sent ? (
                <span className="tag tone-completed">would be sent</span>
              ) : (
                <>
                  <span className="tag tone-cancelled">would be skipped</span>{' '}
                  <span className="hint">its condition is false</span>
                </>
              )}
            </p>
            <pre className="preview-message" tabIndex={0}>
              {Object.entries(data.headers)
                .map(([name, value]) => `${name}: ${value}`)
                .join('\n')}
              {'\n\n'}
              {pretty(data.body)}
            </pre>
          </section>
        )}
      </div>
    </Dialog>
  );
}

function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
