// The terminal of a command that runs: what it draws, and what is typed. It is connected again after a lost connection; when the
// command has ended, the log stays.
import { FitAddon } from '@xterm/addon-fit';
import { Terminal as Screen } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { useEffect, useRef, useState } from 'react';
import { useExecd } from '../session/session.tsx';
import { withoutInlineStyles } from './inline-styles.ts';

const SCROLLBACK = 5000;
/** As those of the log, on its dark paper. */
const THEME = { background: '#0f1416', foreground: '#d5dbd9', cursor: '#63c9c0' };

export function Terminal({ id }: { id: string }) {
  const execd = useExecd();
  const box = useRef<HTMLDivElement>(null);
  const [problem, setProblem] = useState('');
  useEffect(() => {
    if (box.current === null) return;
    const undo = withoutInlineStyles();
    const screen = new Screen({
      ...{ scrollback: SCROLLBACK, theme: THEME, fontSize: 13, screenReaderMode: true },
    });
    const fit = new FitAddon();
    screen.loadAddon(fit);
    screen.open(box.current);
    const gone = new AbortController();
    const attached = execd.attach(id, { signal: gone.signal });
    const encoder = new TextEncoder();
    screen.onData((text) => attached.send(encoder.encode(text)));
    screen.onResize(({ cols, rows }) => attached.resize({ cols, rows }));
    const resized = new ResizeObserver(() => fit.fit());
    resized.observe(box.current);
    const follow = async () => {
      for await (const message of attached.messages()) {
        if (message.type === 'output') screen.write(message.bytes);
        if (message.type === 'ready') attached.resize({ cols: screen.cols, rows: screen.rows });
        if (message.type === 'error') setProblem(message.detail);
      }
    };
    follow().catch((error: unknown) => {
      if (!gone.signal.aborted) setProblem((error as Error).message);
    });
    screen.focus();
    return () => {
      gone.abort();
      resized.disconnect();
      screen.dispose();
      undo();
    };
  }, [execd, id]);
  return (
    <section className="terminal" aria-label="Terminal">
      {problem !== '' && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <div className="terminal-screen" ref={box} />
    </section>
  );
}
