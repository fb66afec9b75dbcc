// Makes good what the end of a server has interrupted: after a start of its own, before the server is ready, and later of other
// replicas whose lease is over. Own processes are proven dead first; those of others nobody here can see.
import type { Store } from '../../domain/ports/store.ts';
import type { Journal } from '../../domain/ports/journal.ts';
import type { Runner } from '../../domain/ports/runner.ts';
import type { Group, GroupResult } from '../../domain/ports/group.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import { interruptedGroup } from './interrupted.ts';

export interface RecoveryDeps {
  store: Store;
  runner: Runner;
  journal: Journal;
  clock: Clock;
  log: Log;
  random: () => number;
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
  /** Of this start. */
  epoch: number;
}

export async function recover(deps: RecoveryDeps, isStart: boolean): Promise<void> {
  const { store, runner, commit, log } = deps;
  const interrupted = await store.interrupted(deps.epoch);
  const names = interrupted
    .filter(({ isOwn }) => isOwn)
    .map(({ execution, attempt }) => ({
      runId: execution.runId,
      attempt: attempt.number,
    }));
  // Also with nothing to look for: hosts of earlier starts are to be gone.
  const killed = isStart || names.length > 0 ? await runner.sweep(names) : 0;
  const groups: Group[] = [];
  for (const { execution, attempt, isOwn, isOtherBoot, wasStopped } of interrupted) {
    if (execution.status !== 'running') continue;
    const detail = isOtherBoot ? 'reboot' : wasStopped ? 'server_stopped' : 'server_crash';
    // The absence of a log proves something to the owner of the disk only, and after a restart of the machine nothing: logs are
    // not synced.
    const interruption = {
      mayBeUnstarted: isOwn && !isOtherBoot,
      startedAt: attempt.startedAt,
      detail,
    } as const;
    // Its log is read by all servers, and after this commit it has ended.
    if (isOwn) await deps.journal.shipRest?.({ runId: execution.runId, attempt: attempt.number });
    groups.push(await interruptedGroup(execution, interruption, deps));
  }
  if (groups.length === 0) return;
  const results = await commit(groups);
  const requeued = groups.filter((group) => group[0]?.type === 'requeue').length;
  const retried = groups.filter((group) => group[0]?.type === 'retry').length;
  const stale = results.filter((result) => result.status !== 'applied').length;
  log.warn(
    {
      interrupted: groups.length,
      requeued,
      retried,
      lost: groups.length - requeued - retried,
      stale,
      killed_processes: killed,
    },
    'Interrupted attempts were recovered',
  );
}
