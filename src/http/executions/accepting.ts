// What the routes that accept work have in common: their headers and their refusals.
export const ACCEPT_HEADERS = ['IdempotencyKey', 'Prefer', 'Traceparent'] as const;
/** Beside those that every route refuses with: no credit, a reused key. */
export const ACCEPT_REFUSALS = [402, 410, 422] as const;
/** When a client that did not wait should look for the first time, seconds. */
export const FIRST_LOOK_S = '1';
