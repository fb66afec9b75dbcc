// Whether a user keeps too much in the store, or too many logs, to begin anything new.
import { type Kept, type KeptBounds, type TooMuch, tooMuchKept } from '../../domain/kept.ts';
import type { AccessRules } from '../../domain/access/access-rules.ts';
import { quoted, RefusedError } from '../../domain/errors.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { EngineSettings } from '../policies/settings.ts';

interface KeptDeps {
  rules: AccessRules;
  store: Pick<Store, 'keeps'>;
  policy: Pick<EngineSettings, 'maxKept'>;
}

/** It changes when executions are removed, which is not often. */
const RETRY_S = 60;

export function keptBounds(
  userId: string,
  { rules, policy }: Pick<KeptDeps, 'rules' | 'policy'>,
): KeptBounds {
  const { storeBytes, logBytes, logs } = rules.quotasOf(userId);
  const { maxKept } = policy;
  return {
    storeBytes: { user: storeBytes, all: maxKept.storeBytes },
    logBytes: { user: logBytes, all: maxKept.logBytes },
    logs: { user: logs, all: maxKept.logs },
  };
}

/** By what is known here; what is being written is not counted yet. */
export function keepsTooMuch({ userId }: { userId: string }, deps: KeptDeps): boolean {
  return tooMuchKept(deps.store.keeps(userId), keptBounds(userId, deps)) !== null;
}

/** What is counted, the quota in the policy file, and the settings. */
const WORDS: Record<Kept, { things: string; quota: string; setting: string }> = {
  storeBytes: { things: 'bytes in the store', quota: 'store_bytes', setting: 'STORE_BYTES' },
  logBytes: { things: 'bytes of logs', quota: 'log_bytes', setting: 'LOG_BYTES' },
  logs: { things: 'logs', quota: 'logs', setting: 'LOGS' },
};

export function quotaExceeded(
  { userId }: { userId: string },
  { what, of, used, most }: TooMuch,
): RefusedError {
  const { things, quota, setting } = WORDS[what];
  const problem =
    of === 'user'
      ? `The executions of user ${quoted(userId)} keep ${used} ${things}; at most ${most} are allowed (quotas.${quota}).`
      : `The executions of all users keep ${used} ${things}; at most ${most} are allowed (EXECUTION_MAX_${setting}), and user ${quoted(userId)} has no less than an equal part of them.`;
  const type = what === 'storeBytes' ? 'store_quota_exceeded' : 'log_quota_exceeded';
  return new RefusedError(
    type,
    `${problem} Remove finished executions, or wait until execd removes them (EXECUTION_RETENTION_SECS, EXECUTION_FAILED_RETENTION_SECS).`,
    { retryAfterS: RETRY_S },
  );
}
