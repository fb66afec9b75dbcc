// The step that is selected: how it went, and its log.
import { Link } from 'wouter';
import type { StepState } from '../../../src/client/types.ts';
import { useExecution } from '../execution/use-execution.ts';
import { LogViewer } from '../log/log-viewer.tsx';
import { StatusMark } from '../ui/status-mark.tsx';
import { WaitPanel } from '../waits/wait-panel.tsx';
import { duration } from '../words/format.ts';

const SKIPPED: Record<NonNullable<StepState['skip_reason']>, string> = {
  dependency_failed: 'a step that it depends on did not complete',
  condition_false: 'its condition is false',
  nothing_failed: 'it runs only after a failure, and there was none',
  stopped: 'the plan stopped',
  cancelled: 'the plan was cancelled',
};

export function StepPanel({ step }: { step: StepState }) {
  const { name, status, phase, execution_id: id, kept_from: kept, skip_reason: skipped, error } = step;
  const run = id ?? kept;
  return (
    <section className="step-panel" aria-label={`Step ${name}`}>
      <header>
        <StatusMark status={status} phase={phase} hasWord />
        <h2>{name}</h2>
        {step.percent !== null && <span className="hint">{Math.round(step.percent)} %</span>}
        {step.duration_ms !== null && <span className="hint">{duration(step.duration_ms)}</span>}
        <span className="spread" />
        {run !== null && (
          <Link href={step.kind === 'plan' ? `/plans/${run}` : `/executions/${run}`}>Open</Link>
        )}
      </header>
      {error !== null && <p className={`why tone-${status}`}>{error.message}</p>}
      {skipped !== null && <p className="hint">Skipped: {SKIPPED[skipped]}.</p>}
      {kept !== null && <p className="hint">The result is kept from an earlier run.</p>}
      {run === null && skipped === null && (
        <p className="hint">
          {step.depends_on.length === 0 ? 'It has not begun.' : `It waits for ${step.depends_on.join(', ')}.`}
        </p>
      )}
      {run !== null && step.kind === 'wait' && <Wait key={run} id={run} />}
      {run !== null && step.kind !== 'plan' && step.kind !== 'wait' && (
        <LogViewer key={run} id={run} isDone={phase === 'done'} />
      )}
      {step.kind === 'plan' && run !== null && <p className="hint">It is a plan of its own.</p>}
    </section>
  );
}

function Wait({ id }: { id: string }) {
  const { data } = useExecution(id);
  return data === undefined ? null : <WaitPanel execution={data} />;
}
