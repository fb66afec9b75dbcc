// What a plan yields: its outputs, or the values of its rounds when it is a loop.
import type { Result } from '../../domain/execution/execution.ts';
import type { Node } from '../../domain/plans/plan-graph.ts';
import { fill, type LivePlan, type PrepareDeps } from './prepare.ts';
import type { Fact, StepValue } from './values.ts';

/** As large as the result of a step may be: 1 MiB of JSON. */
const MAX_RESULT_BYTES = 1024 * 1024;

/**
 * The result of a plan whose steps have come off well. That of a loop over a list is the list of what its rounds came to,
 * null when it would be too large; that of a loop on a condition, what the last round came to.
 *
 * @throws ValueError, UnresolvedError when an output cannot be made
 */
export async function planResult(plan: LivePlan, nodes: readonly Node[], deps: PrepareDeps): Promise<Result> {
  const { outputs, loop } = plan.spec;
  if (loop === undefined) {
    if (outputs === undefined) return null;
    return { type: 'json', value: await fill(outputs, null, deps) };
  }
  if (!('items' in loop))
    return nodes.length === 0
      ? null
      : { type: 'json', value: await roundResult(nodes.length - 1, nodes, deps) };
  const values: unknown[] = [];
  let bytes = 0;
  for (let i = 0; i < nodes.length; i++) {
    const value = await roundResult(i, nodes, deps);
    bytes += JSON.stringify(value).length + 1;
    if (bytes > MAX_RESULT_BYTES) return null;
    values.push(value);
  }
  return { type: 'json', value: values };
}

async function roundResult(i: number, nodes: readonly Node[], deps: PrepareDeps): Promise<unknown> {
  const hasOutputs = nodes[i]?.step.outputs !== undefined;
  const value: StepValue = await deps.roundValue(i, new Set<Fact>(hasOutputs ? ['outputs'] : []));
  return (hasOutputs ? value.outputs : value.result) ?? null;
}
