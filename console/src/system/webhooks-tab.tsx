// Standing webhooks: which there are, new ones with a condition and a template, and what one would send.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { dataOf } from '../../../src/client/calls.ts';
import type { Webhook } from '../../../src/client/types.ts';
import { useCan, useExecd } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Failed, Loading, Problem } from '../ui/states.tsx';
import { WebhookForm } from './webhook-form.tsx';
import { WebhookPreview } from './webhook-preview.tsx';

const KEY = ['webhooks'] as const;

export function WebhooksTab() {
  const execd = useExecd();
  const canSubmit = useCan('submit');
  const [isNew, setIsNew] = useState(false);
  const [previewed, preview] = useState<Webhook | null>(null);
  const [removed, remove] = useState<Webhook | null>(null);
  const { data, error, refetch } = useQuery({
    queryKey: KEY,
    queryFn: ({ signal }) => dataOf(execd.api.GET('/v1/webhooks', { signal })),
  });
  if (error !== null) return <Failed error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <Loading what="webhooks" />;
  return (
    <>
      {canSubmit && (
        <div className="tab-tools">
          <Button icon="plus" onClick={() => setIsNew(true)}>
            New webhook
          </Button>
        </div>
      )}
      {data.items.length === 0 && <p className="hint">You have no standing webhook.</p>}
      {data.items.length > 0 && (
        <table tabIndex={0}>
          <thead>
            <tr>
              <th>Receiver</th>
              <th>Events</th>
              <th>When</th>
              <th>Message</th>
              <th>
                <span className="sr-only">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.items.map((one) => (
              <Row
                key={one.id}
                of={one}
                canChange={canSubmit}
                onPreview={() => preview(one)}
                onRemove={() => remove(one)}
              />
            ))}
          </tbody>
        </table>
      )}
      {isNew && <WebhookForm onClose={() => setIsNew(false)} />}
      {previewed !== null && <WebhookPreview of={previewed} onClose={() => preview(null)} />}
      {removed !== null && <RemoveDialog of={removed} onClose={() => remove(null)} />}
    </>
  );
}

interface RowProps {
  of: Webhook;
  canChange: boolean;
  onPreview: () => void;
  onRemove: () => void;
}

function Row({ of, canChange, onPreview, onRemove }: RowProps) {
  const { id, url, description, events, when, template, enabled, disabled_because: because } = of;
  const execd = useExecd();
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: () => {
      const options = { params: { path: { id } } };
      return enabled
        ? dataOf(execd.api.POST('/v1/webhooks/{id}/disable', options))
        : dataOf(execd.api.POST('/v1/webhooks/{id}/enable', options));
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: KEY }),
  });
  return (
    <tr>
      <td className="is-long">
        <code>{url}</code>
        {description !== null && <p className="hint">{description}</p>}
        {!enabled && (
          <span className="tag tone-cancelled">
            {because === 'gone' ? 'off: the receiver is gone' : 'off'}
          </span>
        )}
      </td>
      <td className="is-long">{events.join(', ')}</td>
      <td className="is-long">{when === null ? 'always' : <code>{when}</code>}</td>
      <td>{template === null ? 'CloudEvent' : typeof template === 'string' ? template : 'own body'}</td>
      <td>
        <span className="actions">
          {canChange && (
            <>
              <Button look="quiet" aria-label={`Preview ${url}`} onClick={onPreview}>
                Preview
              </Button>
              <Button
                look="quiet"
                aria-label={`${enabled ? 'Turn off' : 'Turn on'} ${url}`}
                disabled={change.isPending}
                onClick={() => change.mutate()}
              >
                {enabled ? 'Turn off' : 'Turn on'}
              </Button>
              <Button look="quiet" aria-label={`Remove ${url}`} onClick={onRemove}>
                Remove
              </Button>
            </>
          )}
        </span>
        <Problem error={change.error} />
      </td>
    </tr>
  );
}

function RemoveDialog({ of: { id, url }, onClose }: { of: Webhook; onClose: () => void }) {
  const execd = useExecd();
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => dataOf(execd.api.DELETE('/v1/webhooks/{id}', { params: { path: { id } } })),
    onSuccess: () => {
      onClose();
      return queries.invalidateQueries({ queryKey: KEY });
    },
  });
  return (
    <Dialog title="Remove the webhook?" onClose={onClose}>
      <p>
        Nothing more is sent to <code>{url}</code>.
      </p>
      <Problem error={remove.error} />
      <div className="actions">
        <Button look="danger" disabled={remove.isPending} onClick={() => remove.mutate()}>
          Remove it
        </Button>
      </div>
    </Dialog>
  );
}
