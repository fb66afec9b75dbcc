// Signals to plans, and decisions on approvals: each is stored once, and taken once.
import type { SignalPart, TakeSignalPart } from '../../domain/ports/group.ts';
import { signalRow } from '../signal-rows.ts';
import { pair } from './facts.ts';
import { NOT_FOUND, type Rule, STALE } from './parts.ts';

export const signalPart: Rule<SignalPart> = {
  needs: ({ signal: { subjectId, id } }) => ({
    executions: [subjectId],
    signals: [pair(subjectId, id)],
    signalCounts: [subjectId],
  }),
  apply({ signal, most }, set) {
    const { subjectId, id } = signal;
    const row = set.execution(subjectId);
    if (row === null) return NOT_FOUND;
    const key = pair(subjectId, id);
    if (set.get('signals', key) !== null) return { status: 'refused', reason: 'signal_exists' };
    if (row.phase === 'done' || row.phase === 'canceling') return STALE;
    const count = set.get('signalCounts', subjectId);
    if (count >= most) return { status: 'refused', reason: 'too_many_signals' };
    set.put('signals', key, signalRow({ ...signal, at: set.now }));
    set.put('signalCounts', subjectId, count + 1);
    return null;
  },
};

export const takeSignalPart: Rule<TakeSignalPart> = {
  needs: ({ subjectId, id }) => ({ signals: [pair(subjectId, id)] }),
  apply({ subjectId, id, by }, set) {
    const key = pair(subjectId, id);
    const row = set.get('signals', key);
    if (row?.taken_by !== null) return STALE;
    set.put('signals', key, { ...row, taken_by: by });
    return null;
  },
};
