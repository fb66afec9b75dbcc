import { useState } from 'react';
import type { CancelRequest } from '../../../src/client/types.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Problem } from '../ui/states.tsx';

interface Props {
  what: 'execution' | 'plan';
  onClose: () => void;
  onCancel: (body: CancelRequest) => Promise<void>;
}

export function CancelDialog({ what, onClose, onCancel }: Props) {
  const [reason, setReason] = useState('');
  const [isNow, setNow] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const cancel = async () => {
    try {
      await onCancel({ ...(reason !== '' && { reason }), ...(isNow && { grace_ms: 0 }) });
      onClose();
    } catch (failure) {
      setError(failure as Error);
    }
  };
  return (
    <Dialog title={`Cancel this ${what}?`} onClose={onClose}>
      <p>
        Its processes get their stop signal and, after their grace, SIGKILL. It is cancelled when all of them
        have been seen dead.
      </p>
      <label className="field">
        <span>Reason (optional)</span>
        <input autoFocus value={reason} maxLength={500} onChange={({ target }) => setReason(target.value)} />
      </label>
      {what === 'execution' && (
        <label className="check">
          <input type="checkbox" checked={isNow} onChange={({ target }) => setNow(target.checked)} />
          Without grace: SIGKILL at once
        </label>
      )}
      <Problem error={error} />
      <div className="actions">
        <Button look="danger" onClick={() => void cancel()}>
          Cancel it
        </Button>
        <Button onClick={onClose}>Keep it</Button>
      </div>
    </Dialog>
  );
}
