// What can be done with an execution, as far as the key allows it.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation } from 'wouter';
import type { Execution } from '../../../src/client/types.ts';
import { useCan, useExecd, useTab } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { copyText } from '../ui/copy-button.tsx';
import { Menu } from '../ui/menu.tsx';
import { Problem } from '../ui/states.tsx';
import { copyAs, FORMS } from '../words/copy-as.ts';
import { CancelDialog } from './cancel-dialog.tsx';
import { SignalMenu } from './live-input.tsx';
import { executionKey } from './use-execution.ts';

export function Actions({ execution }: { execution: Execution }) {
  const { id, phase, plan_id: plan } = execution;
  const execd = useExecd();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const [asks, setAsks] = useState(false);
  const canCancel = useCan('cancel');
  const canSubmit = useCan('submit');
  const rerun = useMutation({
    mutationFn: () => execd.rerun(id),
    onSuccess: (made) => navigate(`/executions/${made.id}`),
  });
  const isLive = phase !== 'done';
  return (
    <div className="actions">
      <Problem error={rerun.error} />
      {canCancel && isLive && phase !== 'canceling' && (
        <Button look="danger" icon="stop" onClick={() => setAsks(true)}>
          Cancel
        </Button>
      )}
      {canSubmit && isLive && <Extend execution={execution} />}
      {canCancel && phase === 'running' && execution.kind !== 'http' && <SignalMenu id={id} />}
      {canSubmit && !isLive && plan === null && (
        <>
          <Button icon="rerun" disabled={rerun.isPending} onClick={() => rerun.mutate()}>
            Rerun
          </Button>
          <Button icon="edit" onClick={() => navigate(`/submit?from=${id}`)}>
            Edit and rerun
          </Button>
          {execution.kind !== 'wait' && (
            <Button
              icon="clock"
              aria-label="Schedule it"
              onClick={() => navigate(`/schedules/new?execution=${id}`)}
            />
          )}
        </>
      )}
      <CopyAs spec={execution.spec} isPlan={false} />
      {asks && (
        <CancelDialog
          what="execution"
          onClose={() => setAsks(false)}
          onCancel={async (body) => {
            queries.setQueryData(executionKey(id), await execd.cancel(id, body));
          }}
        />
      )}
    </div>
  );
}

/** A deadline can be moved on while it runs. */
function Extend({ execution: { id, timeouts, phase } }: { execution: Execution }) {
  const execd = useExecd();
  const queries = useQueryClient();
  const extend = useMutation({
    mutationFn: (ms: number) => execd.update(id, { timeouts: { attempt_ms: timeouts.attempt_ms + ms } }),
    onSuccess: (changed) => queries.setQueryData(executionKey(id), changed),
  });
  if (phase === 'canceling' || phase === 'finishing') return null;
  return (
    <>
      <Problem error={extend.error} />
      <Menu label="Extend" icon="clock" hasLabel>
        {EXTENSIONS.map(([name, ms]) => (
          <button key={name} type="button" onClick={() => extend.mutate(ms)}>
            {name} more
          </button>
        ))}
      </Menu>
    </>
  );
}

const EXTENSIONS = [
  ['1 min', 60_000],
  ['5 min', 300_000],
  ['30 min', 1_800_000],
] as const;

export function CopyAs({ spec, isPlan }: { spec: object; isPlan: boolean }) {
  const { hasKey } = useTab();
  return (
    <Menu label="Copy as" icon="copy">
      {FORMS.map((form) => (
        <button
          key={form}
          type="button"
          onClick={() => void copyText(copyAs(form, { spec, isPlan, needsKey: hasKey }))}
        >
          Copy as {form}
        </button>
      ))}
    </Menu>
  );
}
