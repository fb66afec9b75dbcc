// What can be done with the rows that are selected.
import { useState } from 'react';
import type { Execution } from '../../../src/client/types.ts';
import { useCan, useExecd } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { plural } from '../words/format.ts';

/** Requests at a time. */
const AT_ONCE = 8;

async function forEach(ids: readonly string[], call: (id: string) => Promise<unknown>): Promise<string[]> {
  const failures: string[] = [];
  const left = [...ids];
  const worker = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift())
      await call(id).catch((error: unknown) => failures.push((error as Error).message));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return failures;
}

export function BulkBar({ rows, onClear }: { rows: readonly Execution[]; onClear: () => void }) {
  const execd = useExecd();
  const [asks, setAsks] = useState(false);
  const [said, setSaid] = useState('');
  const canCancel = useCan('cancel');
  const canSubmit = useCan('submit');
  const live = rows.filter(({ phase }) => phase !== 'done').map(({ id }) => id);
  const again = rows.map(({ id }) => id);
  const act = async (ids: readonly string[], call: (id: string) => Promise<unknown>, done: string) => {
    setAsks(false);
    setSaid('…');
    const failures = await forEach(ids, call);
    setSaid(failures.length === 0 ? `${plural(ids.length, 'execution')} ${done}` : failures.join(' '));
  };
  const cancel = () => act(live, (id) => execd.cancel(id, { reason: 'console' }), 'asked to end');
  const [it, its] = live.length === 1 ? ['it', 'Its'] : ['them', 'Their'];
  return (
    <div className="bulk" role="region" aria-label="Selected executions">
      <strong>{rows.length} selected</strong>
      {canCancel && (
        <Button look="danger" icon="stop" disabled={live.length === 0} onClick={() => setAsks(true)}>
          {`Cancel ${live.length}`}
        </Button>
      )}
      {canSubmit && (
        <Button icon="rerun" onClick={() => void act(again, (id) => execd.rerun(id), 'run again')}>
          {`Rerun ${again.length}`}
        </Button>
      )}
      <Button look="quiet" onClick={onClear}>
        Clear
      </Button>
      <span role="status">{said}</span>
      {asks && (
        <Dialog title={`Cancel ${plural(live.length, 'execution')}?`} onClose={() => setAsks(false)}>
          <p>{its} processes get the stop signal, and SIGKILL after the grace.</p>
          <div className="actions">
            <Button look="danger" onClick={() => void cancel()}>
              Cancel {it}
            </Button>
            <Button onClick={() => setAsks(false)}>Keep {it}</Button>
          </div>
        </Dialog>
      )}
    </div>
  );
}
