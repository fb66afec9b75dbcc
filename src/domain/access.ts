// Who asks, and what they may do. The user comes from the credential, never from the body.
import { quoted } from './errors.ts';
import type { Spec } from './spec.ts';

export const SCOPES = ['submit', 'read', 'cancel', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** A program that a key may run, with the environment names that it may set for it. */
export interface AllowedProgram {
  /** Absolute path, compared as it stands. */
  program: string;
  env: readonly string[];
}

/** An operation that a key may run, with any parameters that it takes. */
export interface AllowedOperation {
  operation: string;
}

export interface Caller {
  userId: string;
  scopes: ReadonlySet<Scope>;
  mayRun: 'any' | readonly (AllowedProgram | AllowedOperation)[];
}

/** Everyone on this machine, where there are no keys. */
export const LOCAL_CALLER: Caller = Object.freeze({
  userId: 'local',
  scopes: new Set(SCOPES),
  mayRun: 'any',
});

/** Null when the caller may run this, else what stands against it. */
export function whyNotAllowed(caller: Caller, spec: Spec): string | null {
  if (caller.mayRun === 'any') return null;
  if (spec.kind === 'operation') {
    const isAllowed = caller.mayRun.some((one) => 'operation' in one && one.operation === spec.name);
    return isAllowed ? null : `This key may not run the operation ${spec.name}.`;
  }
  if (spec.kind !== 'exec') {
    return `This key may run listed operations, and listed programs by "exec", not "${spec.kind}".`;
  }
  const programs = caller.mayRun.filter((one) => 'program' in one);
  const allowed = programs.find(({ program }) => program === spec.program);
  if (allowed === undefined) {
    return `This key may not run ${quoted(spec.program)}; a program must be given as its list has it, by absolute path.`;
  }
  const name = Object.keys(spec.env ?? {}).find((name) => !allowed.env.includes(name));
  return name === undefined ? null : `This key may not set ${quoted(name)} for ${spec.program}.`;
}
