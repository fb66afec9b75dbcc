// What stands where there is nothing (yet): loading, empty, and what went wrong.
import type { ReactNode } from 'react';
import { ProblemError } from '../../../src/client/errors.ts';
import { Button } from './button.tsx';

export function Loading({ what }: { what: string }) {
  return (
    <p className="state" role="status">
      <span className="pulse" aria-hidden="true" /> Loading {what} …
    </p>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="state is-empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Failed({ error, onRetry }: { error: Error; onRetry?: () => void }) {
  return (
    <div className="state is-failed" role="alert">
      <h2>{titleOf(error)}</h2>
      <p>{error.message}</p>
      {onRetry !== undefined && <Button onClick={onRetry}>Try again</Button>}
    </div>
  );
}

function titleOf(error: Error): string {
  return error instanceof ProblemError ? error.problem.title : 'execd did not answer';
}

/** An error of something that somebody has just asked for. */
export function Problem({ error }: { error: Error | null }) {
  if (error === null) return null;
  return (
    <p className="problem" role="alert">
      {error.message}
    </p>
  );
}
