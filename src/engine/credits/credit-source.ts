// What executions cost, from the credits file and the operations as they are now.
import { isWait } from '../../domain/kinds.ts';
import type { Cost, Window } from '../../domain/cost.ts';
import type { Operations } from '../../domain/operations/operation.ts';
import type { AcceptPart } from '../../domain/ports/group.ts';
import { type PricedAs, quote } from '../../domain/credits/price.ts';
import type { CreditsFile, Price } from '../../domain/credits/price-schema.ts';

type NewExecution = AcceptPart['execution'];

export interface CreditSource {
  /** What is to be reserved for a new execution, and the counters that may add to it; null when it is free. */
  quote(execution: NewExecution, as: PricedAs): { cost: Cost; windows: Window[] } | null;
  /** Balance below which an account is low; null when none is. */
  lowBalance(): number | null;
}

/** @param file the credits file as it is now */
export function creditSource(operations: Operations, file: () => CreditsFile): CreditSource {
  const priceOf = ({ spec, work }: NewExecution): { price: Partial<Price> | null; name: string } => {
    const own = spec.kind === 'operation' ? operations.get(spec.name)?.definition.cost : undefined;
    if (spec.kind === 'operation' && own !== undefined) return { price: own, name: `operation:${spec.name}` };
    // Nobody is charged for waiting.
    const price = isWait(work) ? null : (file().prices[work.kind] ?? null);
    return { price, name: `kind:${work.kind}` };
  };
  return {
    quote(execution, as) {
      const { price, name } = priceOf(execution);
      const { every = null, charge, low_balance: lowBalance = null } = file();
      const quoted = quote(price, every, as, execution, name);
      if (quoted === null || charge !== 'at_end') return quoted;
      return { ...quoted, cost: { ...quoted.cost, atEnd: { lowBalance } } };
    },
    lowBalance: () => file().low_balance ?? null,
  };
}
