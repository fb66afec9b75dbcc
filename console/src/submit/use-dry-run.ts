// What execd says of a request while it is being written: nothing of it runs.
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { InvalidRequestError } from '../../../src/client/errors.ts';
import type { DryRun, PlanReport, PlanRequest, Spec } from '../../../src/client/types.ts';
import { useExecd } from '../session/session.tsx';
import type { Fields } from './schema-form.tsx';

const TYPED_MS = 400;

export interface FieldProblem {
  /** JSON Pointer. */
  field: string;
  message: string;
}

export interface Trial {
  isAccepted: boolean;
  problems: readonly FieldProblem[];
  /** Why it would be rejected, in a sentence. */
  detail: string;
  dryRun: DryRun | null;
  plan: PlanReport | null;
}

export function useDryRun(value: Fields | null, isPlan: boolean) {
  const execd = useExecd();
  const asked = useSettled(value === null ? '' : JSON.stringify(value));
  return useQuery({
    queryKey: ['dry-run', isPlan, asked],
    enabled: asked !== '',
    queryFn: async (): Promise<Trial> => {
      const body = JSON.parse(asked) as unknown;
      try {
        return isPlan
          ? ofPlan(await execd.plans.validate(body as PlanRequest))
          : ofDryRun(await execd.dryRun(body as Spec));
      } catch (error) {
        if (!(error instanceof InvalidRequestError)) throw error;
        const { errors = [], detail } = error.problem;
        return { isAccepted: false, problems: errors, detail, dryRun: null, plan: null };
      }
    },
    placeholderData: (before) => before,
    staleTime: Infinity,
  });
}

function ofPlan(plan: PlanReport): Trial {
  return { isAccepted: plan.valid, problems: plan.problems, detail: '', dryRun: null, plan };
}

function ofDryRun(dryRun: DryRun): Trial {
  const { accepted, problem } = dryRun;
  return {
    isAccepted: accepted,
    problems: problem?.errors ?? [],
    detail: problem?.detail ?? '',
    dryRun,
    plan: null,
  };
}

/** A value when it has not changed for a moment. */
function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(value), TYPED_MS);
    return () => window.clearTimeout(timer);
  }, [value]);
  return settled;
}
