// Who holds what, and until when: replicas by their epochs, plans by who drives them. An attempt names the epoch that has claimed
// it, and is held as long as that is not over.
import type { EpochRow } from './facts.ts';
import { type Beat, type Drive, type Rule, STALE } from './parts.ts';

const isOver = ({ until }: EpochRow, now: number): boolean => until !== null && until <= now;

export const beatPart: Rule<Beat> = {
  needs: ({ epoch }) => ({ epochs: [String(epoch)] }),
  apply({ epoch, leaseMs }, set) {
    const row = set.get('epochs', String(epoch));
    // What has lapsed may have been taken over by others: it does not come back.
    if (row === null || isOver(row, set.now)) return STALE;
    set.put('epochs', String(epoch), { ...row, until: set.now + leaseMs });
    return null;
  },
};

export const drivePart: Rule<Drive> = {
  needs: ({ planId }) => ({ executions: [planId], drivers: [planId] }),
  more({ planId }, set) {
    const driver = set.get('drivers', planId);
    return driver === null ? {} : { epochs: [String(driver)] };
  },
  apply({ planId, epoch }, set) {
    const plan = set.execution(planId);
    if (plan === null || plan.phase === 'done') return STALE;
    const driver = set.get('drivers', planId);
    if (driver === epoch) return null;
    const row = driver === null ? null : set.get('epochs', String(driver));
    if (row !== null && !isOver(row, set.now)) return STALE;
    set.put('drivers', planId, epoch);
    return null;
  },
};
