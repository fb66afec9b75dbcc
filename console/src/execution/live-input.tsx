// What a command that runs is told: lines of input, the end of its input, and signals. As far as it takes them, and the key allows it.
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { CommandSignal, Execution } from '../../../src/client/types.ts';
import { useCan, useExecd } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { Menu } from '../ui/menu.tsx';
import { Problem } from '../ui/states.tsx';

const WAIT_S = 5;

/** What each signal is mostly for. */
const SIGNALS: readonly (readonly [CommandSignal['signal'], string])[] = [
  ['SIGINT', 'interrupt'],
  ['SIGTERM', 'ask it to end'],
  ['SIGHUP', 'read its settings again'],
  ['SIGUSR1', ''],
  ['SIGUSR2', ''],
  ['SIGQUIT', 'end and dump'],
  ['SIGSTOP', 'hold it'],
  ['SIGCONT', 'let it go on'],
  ['SIGKILL', 'end it at once'],
];

/** Whether it reads what is sent to it while it runs. */
function takesInput({ spec }: Execution): boolean {
  const { stdin } = spec as { stdin?: string | { open?: boolean } };
  return typeof stdin === 'object' && stdin.open === true;
}

export function LiveInput({ execution }: { execution: Execution }) {
  const canSubmit = useCan('submit');
  if (execution.phase !== 'running' || !takesInput(execution) || !canSubmit) return null;
  return <InputLine id={execution.id} />;
}

function InputLine({ id }: { id: string }) {
  const execd = useExecd();
  const [line, setLine] = useState('');
  const [isClosed, setClosed] = useState(false);
  const send = useMutation({
    mutationFn: ({ text, close = false }: { text: string; close?: boolean }) =>
      execd.sendInput(id, text, { wait: WAIT_S, ...(close && { close }) }),
    onSuccess: ({ open }) => setClosed(!open),
  });
  if (isClosed) return <p className="live-input hint">Its input has ended.</p>;
  return (
    <form
      className="live-input"
      onSubmit={(event) => {
        event.preventDefault();
        send.mutate({ text: `${line}\n` });
        setLine('');
      }}
    >
      <label className="sr-only" htmlFor="live-line">
        Input
      </label>
      <input
        id="live-line"
        autoComplete="off"
        spellCheck={false}
        placeholder="Type a line of input"
        value={line}
        onChange={({ target }) => setLine(target.value)}
      />
      <Button type="submit" disabled={send.isPending}>
        Send
      </Button>
      <Button disabled={send.isPending} onClick={() => send.mutate({ text: '', close: true })}>
        End of input
      </Button>
      <Problem error={send.error} />
    </form>
  );
}

/** Signals to a command that runs. */
export function SignalMenu({ id }: { id: string }) {
  const execd = useExecd();
  const send = useMutation({ mutationFn: (signal: CommandSignal['signal']) => execd.signal(id, { signal }) });
  return (
    <>
      <Problem error={send.error} />
      <Menu label="Signal" icon="warning">
        {SIGNALS.map(([signal, what]) => (
          <button key={signal} type="button" onClick={() => send.mutate(signal)}>
            {signal} {what !== '' && <span className="hint">{what}</span>}
          </button>
        ))}
      </Menu>
    </>
  );
}
