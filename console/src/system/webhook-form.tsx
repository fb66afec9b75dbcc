// A new standing webhook: receiver, events, condition and message. Its secret is shown once.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { dataOf } from '../../../src/client/calls.ts';
import type { Webhook } from '../../../src/client/types.ts';
import { useExecd } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Problem } from '../ui/states.tsx';

const EVENTS = [
  'completed',
  'failed',
  'timed_out',
  'cancelled',
  'lost',
  'late_start',
  'late',
  'stuck',
  'silent',
  'started',
  'awaiting',
] as const;
type EventName = (typeof EVENTS)[number];
const TEMPLATES = {
  none: 'a CloudEvent, signed',
  slack: 'a message for Slack',
  discord: 'a message for Discord',
  teams: 'a message for Teams',
  own: 'a body of its own',
} as const;
type Template = keyof typeof TEMPLATES;

const BODY = '{"text": event.type + ": " + event.execution_id}';

export function WebhookForm({ onClose }: { onClose: () => void }) {
  const execd = useExecd();
  const queries = useQueryClient();
  const [url, setUrl] = useState('');
  const [events, setEvents] = useState<readonly EventName[]>(['failed', 'timed_out', 'lost']);
  const [when, setWhen] = useState('');
  const [template, setTemplate] = useState<Template>('none');
  const [body, setBody] = useState(BODY);
  const create = useMutation({
    mutationFn: () =>
      dataOf(
        execd.api.POST('/v1/webhooks', {
          body: {
            ...{ url, events: [...events], result: false },
            ...(when.trim() === '' ? {} : { when: when.trim() }),
            ...templateOf(template, body),
          },
        }),
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['webhooks'] }),
  });
  if (create.data !== undefined) return <Created of={create.data} onClose={onClose} />;
  return (
    <Dialog title="New webhook" isWide onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <label className="field">
          <span>Receiver</span>
          <input
            required
            type="url"
            placeholder="https:// or mailto:"
            value={url}
            onChange={({ target }) => setUrl(target.value)}
          />
        </label>
        <fieldset className="chips" aria-label="Events">
          {EVENTS.map((one) => (
            <button
              key={one}
              type="button"
              className="chip"
              aria-pressed={events.includes(one)}
              onClick={() =>
                setEvents(events.includes(one) ? events.filter((of) => of !== one) : [...events, one])
              }
            >
              {one.replace('_', ' ')}
            </button>
          ))}
        </fieldset>
        <label className="field">
          <span>Only when (CEL over event, failures and previous; empty: always)</span>
          <input
            spellCheck={false}
            placeholder="failures >= 3"
            value={when}
            onChange={({ target }) => setWhen(target.value)}
          />
        </label>
        <label className="field">
          <span>Message</span>
          <select value={template} onChange={({ target }) => setTemplate(target.value as Template)}>
            {Object.entries(TEMPLATES).map(([one, words]) => (
              <option key={one} value={one}>
                {words}
              </option>
            ))}
          </select>
        </label>
        {template === 'own' && (
          <label className="field">
            <span>Body in CEL</span>
            <textarea
              rows={5}
              spellCheck={false}
              value={body}
              onChange={({ target }) => setBody(target.value)}
            />
          </label>
        )}
        <Problem error={create.error} />
        <div className="actions">
          <Button look="main" type="submit" disabled={create.isPending || events.length === 0}>
            Create
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function templateOf(template: Template, body: string) {
  if (template === 'none') return {};
  return { template: template === 'own' ? { body } : template };
}

function Created({
  of: { url, secret },
  onClose,
}: {
  of: Webhook & { secret: string | null };
  onClose: () => void;
}) {
  return (
    <Dialog title="The webhook is created" onClose={onClose}>
      {secret === null ? (
        <p>
          Mail to <code>{url}</code> is not signed.
        </p>
      ) : (
        <>
          <p>
            Messages to <code>{url}</code> are signed with this secret. It is not shown again.
          </p>
          <p className="notice">
            <code className="is-long">{secret}</code>
            <CopyButton text={secret} label="Copy the secret" />
          </p>
        </>
      )}
      <div className="actions">
        <Button look="main" onClick={onClose}>
          Done
        </Button>
      </div>
    </Dialog>
  );
}
