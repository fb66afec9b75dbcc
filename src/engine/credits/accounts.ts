// Accounts as callers see them: their own, and to administrators everybody's.
import type { Caller } from '../../domain/spec/access.ts';
import type { Account, LedgerEntry } from '../../domain/credits/account.ts';
import { MAX_CREDITS } from '../../domain/cost.ts';
import { quoted, RefusedError } from '../../domain/errors.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Group, GroupResult, Part } from '../../domain/ports/group.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import { KEY_LIFETIME_MS } from '../policies/settings.ts';
import { insufficientCredits, stored } from '../refusals.ts';
import type { CreditSource } from './credit-source.ts';

export interface AccountsDeps {
  store: Pick<Store, 'account' | 'entries' | 'grant'>;
  /** Null: credits are off. */
  credits: CreditSource | null;
  clock: Clock;
  newId: () => ExecutionId;
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
}

export interface Grant {
  userId: string;
  /** Credits; negative takes back. */
  amount: number;
  note: string | null;
  idempotency: { key: string; bodyHash: string } | null;
}

export interface Granted {
  entry: LedgerEntry;
  /** The key was known: this is what the first request with it has done. */
  isReplay: boolean;
}

const MAX_USER_CHARS = 255;

export class Accounts {
  readonly #deps: AccountsDeps;

  constructor(deps: AccountsDeps) {
    this.#deps = deps;
  }

  /**
   * An account. Every caller has one, though it may be empty.
   *
   * @throws RefusedError `account_not_found`, also for others' accounts
   */
  async get(caller: Caller, userId: string): Promise<Account> {
    this.#checkAccess(caller, userId);
    const account = await stored(this.#deps.store.account(userId));
    if (account !== null) return account;
    if (userId !== caller.userId) throw notFound(userId);
    return { userId, balance: 0, reserved: 0 };
  }

  /**
   * The entries of an account, newest first.
   *
   * @param before position of the last entry of the page before
   * @throws RefusedError `account_not_found`
   */
  async entries(
    caller: Caller,
    userId: string,
    limit: number,
    before: number | null,
  ): Promise<LedgerEntry[]> {
    await this.get(caller, userId);
    return stored(this.#deps.store.entries(userId, limit, before));
  }

  /**
   * Adds credits to an account, or takes them back. The caller has been found to be an administrator.
   *
   * @throws RefusedError `insufficient_credits` when less is available than is taken back, `validation` when the balance
   * would be too great, `idempotency_key_reused`
   */
  async grant(caller: Caller, grant: Grant): Promise<Granted> {
    const { credits, newId, commit, store } = this.#deps;
    if (credits === null) throw creditsAreOff();
    const { userId, amount, note, idempotency } = grant;
    // No key can be of such a user.
    if (userId.length > MAX_USER_CHARS) throw notFound(userId);
    const grantId = newId();
    const group: Part[] = [];
    if (idempotency !== null) {
      const of = { userId: caller.userId, ...idempotency, executionId: grantId };
      group.push({ type: 'idempotency', ...of, lifetimeMs: KEY_LIFETIME_MS });
    }
    const lowBalance = credits.lowBalance();
    group.push({ type: 'grant', grantId, userId, amount, note, by: caller.userId, lowBalance });
    const [result] = await stored(commit([group]));
    if (result?.status === 'applied' && result.entries?.[0] !== undefined) {
      return { entry: result.entries[0], isReplay: false };
    }
    if (result?.status !== 'refused') throw new TypeError('the store rejected a grant');
    switch (result.reason) {
      case 'no_credit':
        throw insufficientCredits(result);
      case 'balance_limit': {
        const message = `is ${amount}; the balance must stay at most ${MAX_CREDITS}. Grant less`;
        throw new RefusedError('validation', `/amount ${message}.`, {
          fields: [{ field: '/amount', message }],
        });
      }
      case 'key_reused':
        throw new RefusedError(
          'idempotency_key_reused',
          'This Idempotency-Key was used with a different request. Use a new key.',
        );
      case 'key_replayed':
      case 'key_gone': {
        const entry = await stored(store.grant(result.executionId));
        if (entry !== null) return { entry, isReplay: true };
        throw new TypeError('a grant is not in the ledger');
      }
      default:
        throw new TypeError(`the store rejected a grant: ${result.reason}`);
    }
  }

  #checkAccess(caller: Caller, userId: string): void {
    if (this.#deps.credits === null) throw creditsAreOff();
    if (userId !== caller.userId && !caller.scopes.has('admin')) throw notFound(userId);
  }
}

function notFound(userId: string): RefusedError {
  return new RefusedError('account_not_found', `There is no account ${quoted(userId)}.`);
}

function creditsAreOff(): RefusedError {
  return new RefusedError(
    'account_not_found',
    'This server has no accounts. Set EXECUTION_CREDITS_FILE to use credits.',
  );
}
