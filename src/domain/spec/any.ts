// What an execution may be asked for with, of any kind.
import type { PlanSpec } from './plan.ts';
import type { Spec, Work } from './spec.ts';
import type { WaitSpec } from './wait.ts';

export type AnySpec = Spec | PlanSpec | WaitSpec;
/** What an execution may be, an operation filled in. */
export type AnyWork = Work | PlanSpec | WaitSpec;
