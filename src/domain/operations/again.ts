// What is asked for when an execution is run again, with some of its parameters changed.
import { RefusedError } from '../errors.ts';
import { hasSteps } from '../kinds.ts';
import type { AnySpec } from '../spec/any.ts';
import type { PlanSpec } from '../spec/plan.ts';
import { withoutStart } from '../spec/spec.ts';
import { requestAgain } from './operation.ts';

export type ChangedParams = Readonly<Record<string, unknown>>;

/**
 * The same request again. A plan that an operation has made is asked for by that operation, as it is now.
 *
 * @param params those that change; null: none
 * @throws RefusedError `validation` where there are no parameters
 */
export function specAgain(spec: AnySpec, params: ChangedParams | null): AnySpec {
  if (hasSteps(spec)) {
    const { id: _id, ...plan } = withoutStart(spec as PlanSpec);
    if (plan.operation !== undefined)
      return requestAgain({ ...plan, operation: plan.operation }, params ?? {});
    return params === null ? plan : { ...plan, params: { ...plan.params, ...params } };
  }
  if (params === null) return withoutStart(spec);
  if (spec.kind === 'operation') return withoutStart({ ...spec, params: { ...spec.params, ...params } });
  const message = 'must be left out: only operations and plans have params';
  throw new RefusedError('validation', `/params: ${message}`, { fields: [{ field: '/params', message }] });
}
