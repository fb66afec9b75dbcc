// After a start: makes good what an earlier end of the server has interrupted. First the processes are proven dead, then
// the records are settled; the server is not ready before.
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
}

export async function recover(deps: RecoveryDeps): Promise<void> {
  const { store, runner, commit, log } = deps;
  const interrupted = await store.interrupted();
  const names = interrupted.map(({ execution, attempt }) => ({
    runId: execution.runId,
    attempt: attempt.number,
  }));
  const killed = await runner.sweep(names);
  const groups: Group[] = [];
  for (const { execution, attempt, isOtherBoot, wasStopped } of interrupted) {
    if (execution.status !== 'running') continue;
    const detail = isOtherBoot ? 'reboot' : wasStopped ? 'server_stopped' : 'server_crash';
    // After a restart of the machine the absence of a log proves nothing: logs are not synced.
    const interruption = { mayBeUnstarted: !isOtherBoot, startedAt: attempt.startedAt, detail } as const;
    groups.push(await interruptedGroup(execution, interruption, deps));
  }
  const results = await commit(groups);
  if (groups.length === 0) return;
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
