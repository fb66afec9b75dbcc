import { useState } from 'react';
import { Button } from './button.tsx';

const SHOWN_MS = 1500;

interface Props {
  /** What is copied; a function where making it takes a while. */
  text: string | (() => string);
  label: string;
  children?: string;
}

/** Copies a text, and says so for a moment. */
export function CopyButton({ text, label, children }: Props) {
  const [isDone, setDone] = useState(false);
  const copy = async () => {
    await copyText(typeof text === 'string' ? text : text());
    setDone(true);
    window.setTimeout(() => setDone(false), SHOWN_MS);
  };
  return (
    <Button look="quiet" icon={isDone ? 'check' : 'copy'} aria-label={label} onClick={() => void copy()}>
      {children}
    </Button>
  );
}

/** Over plain HTTP from another machine a browser has no clipboard of that kind: then the old way. */
export async function copyText(text: string): Promise<void> {
  if ('clipboard' in navigator) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  // oxlint-disable-next-line typescript/no-deprecated -- there is no other way without a secure context.
  document.execCommand('copy');
  area.remove();
}
