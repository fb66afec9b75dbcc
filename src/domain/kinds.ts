// The kinds of work, what carries each out, and what the rest of execd asks of that. A new kind is a line here, a schema in spec.ts,
// and its own words where it is carried out; what all kinds of a carrier have in common follows from this table.

/** Kinds that can be asked for alone; a plan is asked for by a route of its own. */
export const SPEC_KINDS = ['exec', 'shell', 'script', 'aws_cli', 'http', 'operation'] as const;
export const KINDS = [...SPEC_KINDS, 'wait', 'plan'] as const;
export type Kind = (typeof KINDS)[number];

/** Kinds that an operation can turn into. */
export const RUN_KINDS = SPEC_KINDS.filter((kind) => kind !== 'operation');

/** A process of a runner host, a request that execd sends, steps, which are executions of their own, or nothing: it only waits. */
const CARRIER = {
  exec: 'process',
  shell: 'process',
  script: 'process',
  aws_cli: 'process',
  http: 'request',
  // Until it is known what the operation runs: most run a command.
  operation: 'process',
  wait: 'nothing',
  plan: 'steps',
} as const satisfies Record<Kind, keyof typeof CARRIERS>;

/** Slots are counted apart for what takes a process and for what only waits for an answer. */
export const SLOT_KINDS = ['process', 'http'] as const;
export type SlotKind = (typeof SLOT_KINDS)[number];

interface CarrierFacts {
  /** Whose slots an attempt takes; null where there are no attempts. */
  slotKind: SlotKind | null;
  /** The field whose values may be secrets; null where its steps have their own. */
  secretsIn: 'env' | 'headers' | null;
  /** The cause of an end that nothing disturbed. */
  usualCause: 'exited' | 'http_response' | 'steps_ended' | 'awaited';
  /** Texts of a result, each of which may be as large as the policy allows. */
  texts: number;
}

const CARRIERS = {
  process: { slotKind: 'process', secretsIn: 'env', usualCause: 'exited', texts: 2 },
  request: { slotKind: 'http', secretsIn: 'headers', usualCause: 'http_response', texts: 1 },
  steps: { slotKind: null, secretsIn: null, usualCause: 'steps_ended', texts: 0 },
  nothing: { slotKind: null, secretsIn: null, usualCause: 'awaited', texts: 0 },
} as const satisfies Record<string, CarrierFacts>;

export type Carrier = keyof typeof CARRIERS;
type CarriedBy<C extends Carrier> = {
  [K in Kind]: (typeof CARRIER)[K] extends C ? K : never;
}[Kind];
export type ProcessKind = CarriedBy<'process'>;
export type RequestKind = CarriedBy<'request'>;
export type StepsKind = CarriedBy<'steps'>;
export type WaitKind = CarriedBy<'nothing'>;

export const carrierFacts = ({ kind }: { kind: Kind }): CarrierFacts => CARRIERS[CARRIER[kind]];

export const kindsOf = <C extends Carrier>(carrier: C): CarriedBy<C>[] =>
  KINDS.filter((kind): kind is CarriedBy<C> => CARRIER[kind] === carrier);

/** It is a plan: its steps do the work, and it has neither attempts nor a slot, output or secrets of its own. */
export const hasSteps = <T extends { kind: Kind | null }>(work: T): work is T & { kind: StepsKind } =>
  work.kind !== null && CARRIER[work.kind] === 'steps';

/** It waits, and does nothing else. */
export const isWait = <T extends { kind: Kind | null }>(work: T): work is T & { kind: WaitKind } =>
  work.kind !== null && CARRIER[work.kind] === 'nothing';

/** It has no attempts, and so neither a slot nor a log: a plan, whose steps have them, or a wait. */
export const hasNoRun = <T extends { kind: Kind | null }>(
  work: T,
): work is T & { kind: StepsKind | WaitKind } => hasSteps(work) || isWait(work);

/** execd sends it: it has no process, and no limits of one. */
export const isRequest = <T extends { kind: Kind }>(work: T): work is T & { kind: RequestKind } =>
  CARRIER[work.kind] === 'request';

/** A runner host carries it out, with limits, isolation and a way to stop it. */
export const takesProcess = <T extends { kind: Kind }>(work: T): work is T & { kind: ProcessKind } =>
  CARRIER[work.kind] === 'process';
