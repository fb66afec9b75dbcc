// How what has been stored is told.
import type { AccountEvent } from '../credits/account.ts';
import type { LifecycleEvent } from '../execution/events.ts';
import type { Execution } from '../execution/execution.ts';

/** Called after the fact is stored; never throws. */
export type Publish = (event: LifecycleEvent, execution: Execution) => void;
/** The same for what happens to accounts. */
export type PublishAccount = (event: AccountEvent) => void;
