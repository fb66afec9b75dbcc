// What every store must do, whatever it is made of. A new implementation passes this suite before anything is built on
// it; a new rule is written here first. The parts are by subject, in the folder of this name.
import type { Test } from 'tap';
import { acceptance, keys } from './store-contract/acceptance.ts';
import { anyOrder } from './store-contract/any-order.ts';
import { anyOrderOfMoney } from './store-contract/any-order-of-money.ts';
import { apiKeys } from './store-contract/api-keys.ts';
import { charges } from './store-contract/charges.ts';
import { claims, concurrency } from './store-contract/claims.ts';
import { cancels, fences } from './store-contract/ends.ts';
import { eventsByPosition } from './store-contract/events.ts';
import type { MakeWorld } from './store-contract/given.ts';
import { history } from './store-contract/history.ts';
import { joins } from './store-contract/joins.ts';
import { keptPlans } from './store-contract/kept-plans.ts';
import { keptResults } from './store-contract/kept-results.ts';
import { conflicts, delays } from './store-contract/later.ts';
import { ledger } from './store-contract/ledger.ts';
import { listing } from './store-contract/listing.ts';
import { monitors } from './store-contract/monitors.ts';
import { plans } from './store-contract/plans.ts';
import { quotas } from './store-contract/quotas.ts';
import { reservations } from './store-contract/reservations.ts';
import { leases, restarts } from './store-contract/restarts.ts';
import { retention } from './store-contract/retention.ts';
import { retries } from './store-contract/retries.ts';
import { schedules } from './store-contract/schedules.ts';
import { shared, windows } from './store-contract/shared-prices.ts';
import { turns } from './store-contract/turns.ts';
import { deliveries } from './store-contract/webhooks.ts';

export { anyOrder } from './store-contract/any-order.ts';
export { BEGINNING, type MakeWorld, type StoreWorld } from './store-contract/given.ts';

const ALL = [
  ...[
    acceptance,
    claims,
    fences,
    cancels,
    keys,
    listing,
    retries,
    delays,
    schedules,
    monitors,
    conflicts,
    joins,
  ],
  ...[
    concurrency,
    turns,
    quotas,
    apiKeys,
    keptResults,
    history,
    retention,
    plans,
    keptPlans,
    restarts,
    leases,
  ],
  ...[ledger, reservations, charges, shared, windows, anyOrderOfMoney],
  ...[eventsByPosition, deliveries, anyOrder],
];

/** @param makeWorld opens an empty store for one test, which closes it at its end */
export function storeContract(t: Test, makeWorld: MakeWorld): void {
  for (const part of ALL) part(t, makeWorld);
}
