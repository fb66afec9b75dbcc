// One execution: what it is, what happened and why, its log, and everything else that is known of it.
import { lazy, Suspense, useEffect } from 'react';
import { Link, Redirect } from 'wouter';
import { GoneError, NotFoundError } from '../../../src/client/errors.ts';
import type { Execution } from '../../../src/client/types.ts';
import { LogViewer } from '../log/log-viewer.tsx';
import { useNow } from '../live/use-live.ts';
import { useCan } from '../session/session.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { Empty, Failed, Loading } from '../ui/states.tsx';
import { MonitorTag } from '../ui/monitor-tag.tsx';
import { StatusMark } from '../ui/status-mark.tsx';
import { shortId } from '../words/format.ts';
import { titleOf } from '../words/title.ts';
import { why } from '../words/why.ts';
import { Actions } from './actions.tsx';
import { CancelPhases } from './cancel-phases.tsx';
import { Details } from './details.tsx';
import { LastWords } from './last-words.tsx';
import { LiveInput } from './live-input.tsx';
import { RefusedHosts } from './network-facts.tsx';
import { RunProgress } from './run-progress.tsx';
import { Timeline } from './timeline.tsx';
import { useExecution } from './use-execution.ts';
import { WaitPanel } from '../waits/wait-panel.tsx';

/** It brings a terminal with it, which few executions have. */
const Terminal = lazy(async () => ({ default: (await import('./terminal.tsx')).Terminal }));

const TICK_MS = 500;

export function ExecutionScreen({ id }: { id: string }) {
  const { data, error, refetch } = useExecution(id);
  useTitle(data);
  if (error instanceof NotFoundError || error instanceof GoneError)
    return (
      <Empty title="There is no such execution">
        <p>It was removed after its retention, or it belongs to another user.</p>
        <Link href="/">All executions</Link>
      </Empty>
    );
  if (data === undefined)
    return error === null ? (
      <Loading what="the execution" />
    ) : (
      <Failed error={error} onRetry={() => void refetch()} />
    );
  if (data.kind === 'plan') return <Redirect to={`/plans/${id}`} replace />;
  return (
    <div className="screen execution">
      <Header execution={data} />
      <div className="split">
        {data.kind === 'wait' ? (
          <WaitPanel execution={data} />
        ) : (
          <div className="log-and-input">
            <Output execution={data} />
            <LiveInput execution={data} />
          </div>
        )}
        <Details execution={data} />
      </div>
    </div>
  );
}

/** The log; while a command has a terminal, that terminal, for those who may type into it. */
function Output({ execution: { id, spec, phase, attempts } }: { execution: Execution }) {
  const canType = useCan('submit');
  if (!('tty' in spec) || phase === 'done' || attempts.length === 0 || !canType)
    return <LogViewer id={id} isDone={phase === 'done'} />;
  return (
    <Suspense fallback={<Loading what="the terminal" />}>
      <Terminal id={id} />
    </Suspense>
  );
}

function Header({ execution }: { execution: Execution }) {
  const {
    id,
    status,
    phase,
    kind,
    plan_id: plan,
    step,
    rerun_of: rerun,
    user_id: user,
    schedule,
  } = execution;
  const now = useNow(phase === 'done' ? null : TICK_MS);
  return (
    <header className="top">
      <div className="top-line">
        <StatusMark status={status} phase={phase} hasWord />
        <h1 title={titleOf(execution)}>{titleOf(execution)}</h1>
        <MonitorTag of={execution} />
        <Actions execution={execution} />
      </div>
      <p className={`why tone-${status}`} aria-live="polite">
        {why(execution, now)}
      </p>
      {phase === 'canceling' || execution.cancel !== null ? (
        <CancelPhases execution={execution} now={now} />
      ) : null}
      {execution.progress !== null && <RunProgress of={execution.progress} now={now} />}
      <LastWords execution={execution} />
      <RefusedHosts execution={execution} />
      <Timeline execution={execution} now={now} />
      <p className="facts">
        <span>{kind}</span>
        <span>
          <code title={id}>…{shortId(id)}</code>
          <CopyButton text={id} label="Copy the id" />
        </span>
        <span>{user}</span>
        {plan !== null && (
          <span>
            step <strong>{step}</strong> of <Link href={`/plans/${plan}`}>its plan</Link>
          </span>
        )}
        {rerun !== null && (
          <span>
            rerun of <Link href={`/executions/${rerun}`}>…{shortId(rerun)}</Link>
          </span>
        )}
        {schedule !== null && (
          <span>
            started by <Link href={`/schedules/${encodeURIComponent(schedule.name)}`}>{schedule.name}</Link>
          </span>
        )}
        {Object.entries(execution.labels).map(([name, value]) => (
          <Link key={name} className="tag" href={`/?label=${encodeURIComponent(`${name}=${value}`)}`}>
            {name}={value}
          </Link>
        ))}
      </p>
    </header>
  );
}

function useTitle(execution: Execution | undefined): void {
  const title = execution === undefined ? 'execd' : `${execution.status}: ${titleOf(execution)} · execd`;
  useEffect(() => {
    document.title = title;
    return () => {
      document.title = 'execd';
    };
  }, [title]);
}
