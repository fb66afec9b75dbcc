// What a client does in another way by the kind of an execution.

interface OfKind {
  kind?: unknown;
}

/** Its steps have logs and ends of their own, under `/v1/plans`. */
export const isPlan = ({ kind }: OfKind): boolean => kind === 'plan';

/** execd sends it: it has no process, stdin or log. */
export const isRequest = ({ kind }: OfKind): boolean => kind === 'http';

/** It says itself how its process is to run; an operation has that in the file of the operator. */
export const namesProcess = (spec: OfKind): boolean =>
  spec.kind !== 'operation' && !isRequest(spec) && !isPlan(spec);
