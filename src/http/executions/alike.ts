// The JSON of executions that were answered alike: written once, with gaps for the few things that are each one's own.
import type { ExecutionView } from '../../engine/engine.ts';
import type { ExecutionWire } from './schemas.ts';
import { timestampsOf } from './wire.ts';

/** What is each one's own; as `alike` in domain/execution.ts has it. */
const OWN: Record<string, (view: ExecutionView) => unknown> = {
  id: ({ execution }) => execution.id,
  run_id: ({ execution }) => execution.runId,
  timestamps: timestampsOf,
  trace_id: ({ execution }) => execution.trace.traceId,
} satisfies Partial<Record<keyof ExecutionWire, (view: ExecutionView) => unknown>>;

/** Writes the JSON of executions that are like this one. */
export function writerOf(wire: ExecutionWire): (view: ExecutionView) => string {
  const gaps: { before: string; own: (view: ExecutionView) => unknown }[] = [];
  let text = '';
  for (const [name, value] of Object.entries(wire)) {
    text += `${text === '' && gaps.length === 0 ? '{' : ','}${JSON.stringify(name)}:`;
    const own = OWN[name];
    if (own === undefined) text += JSON.stringify(value);
    else {
      gaps.push({ before: text, own });
      text = '';
    }
  }
  const end = `${text}}`;
  return (view) => {
    let written = '';
    for (const { before, own } of gaps) written += before + JSON.stringify(own(view));
    return written + end;
  };
}

/** Bodies of answers, by what they are like. */
export class AlikeBodies {
  readonly #writers = new WeakMap<object, (view: ExecutionView) => string>();

  /** @param toWire what the first of them is on the wire */
  body(like: object, view: ExecutionView, toWire: () => ExecutionWire): string {
    let write = this.#writers.get(like);
    if (write === undefined) this.#writers.set(like, (write = writerOf(toWire())));
    return write(view);
  }
}
