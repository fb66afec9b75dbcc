// A plan: its graph, its times, and the log of the step that is selected.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { GoneError, NotFoundError } from '../../../src/client/errors.ts';
import type { Plan, StepState } from '../../../src/client/types.ts';
import { CancelDialog } from '../execution/cancel-dialog.tsx';
import { WhyTab } from '../execution/why-tab.tsx';
import { useNow } from '../live/use-live.ts';
import { useCan, useExecd } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { useQueryParam } from '../ui/query-params.ts';
import { Empty, Failed, Loading, Problem } from '../ui/states.tsx';
import { MonitorTag } from '../ui/monitor-tag.tsx';
import { StatusMark } from '../ui/status-mark.tsx';
import { duration, plural, shortId } from '../words/format.ts';
import { Gantt } from './gantt.tsx';
import { PlanGraph } from './plan-graph.tsx';
import { PlanSearch } from './plan-search.tsx';
import { StepPanel } from './step-panel.tsx';
import { planKey, usePlan } from './use-plan.ts';

const TICK_MS = 1000;
const BAD: readonly StepState['status'][] = ['failed', 'timed_out', 'cancelled'];

export function PlanScreen({ id }: { id: string }) {
  const { data, error, refetch } = usePlan(id);
  if (error instanceof NotFoundError || error instanceof GoneError)
    return (
      <Empty title="There is no such plan">
        <p>It was removed after its retention, or it belongs to another user.</p>
        <Link href="/plans">All plans</Link>
      </Empty>
    );
  if (data === undefined)
    return error === null ? (
      <Loading what="the plan" />
    ) : (
      <Failed error={error} onRetry={() => void refetch()} />
    );
  return <ShownPlan plan={data} />;
}

function ShownPlan({ plan }: { plan: Plan }) {
  const now = useNow(plan.phase === 'done' ? null : TICK_MS);
  const [chosen, choose] = useQueryParam('step');
  const [only, setOnly] = useQueryParam('only');
  const [searches, setSearches] = useState(false);
  const all = plan.steps ?? [];
  const steps = only === 'failed' ? all.filter(({ status }) => BAD.includes(status)) : all;
  const selected = all.find(({ name }) => name === chosen) ?? firstOf(all);
  useEffect(() => {
    document.title = `${plan.status}: ${plan.description ?? 'plan'} · execd`;
    return () => {
      document.title = 'execd';
    };
  }, [plan.status, plan.description]);
  return (
    <div className="screen plan">
      <PlanHeader plan={plan} now={now} />
      <div className="plan-body">
        <div className="plan-shapes">
          <PlanGraph steps={all} shown={steps} selected={selected?.name ?? null} onSelect={choose} />
          <div className="gantt-tools">
            <h2>Steps over time</h2>
            <Button look="quiet" icon="search" onClick={() => setSearches(true)}>
              Search logs
            </Button>
            <Button
              look="quiet"
              icon="filter"
              aria-pressed={only === 'failed'}
              onClick={() => setOnly(only === 'failed' ? null : 'failed')}
            >
              Failed only
            </Button>
          </div>
          <Gantt plan={plan} steps={steps} now={now} selected={selected?.name ?? null} onSelect={choose} />
        </div>
        {selected !== undefined && <StepPanel step={selected} />}
      </div>
      {searches && (
        <PlanSearch
          id={plan.id}
          onStep={(step) => {
            // A step of a plan among the steps is shown there.
            choose(step.split('/')[0] ?? step);
            setSearches(false);
          }}
          onClose={() => setSearches(false)}
        />
      )}
    </div>
  );
}

/** What one wants to see first: what went wrong, or else what runs. */
function firstOf(steps: readonly StepState[]): StepState | undefined {
  return (
    steps.find(({ status }) => status === 'failed' || status === 'timed_out') ??
    steps.find(({ status }) => status === 'running') ??
    steps[0]
  );
}

function PlanHeader({ plan, now }: { plan: Plan; now: number }) {
  const { id, status, phase, description, counts, progress, rerun_of: rerun, redrive_of: redrive } = plan;
  const took = phase === 'done' ? plan.duration_ms : now - Date.parse(plan.timestamps.created);
  return (
    <header className="top">
      <div className="top-line">
        <StatusMark status={status} phase={phase} hasWord />
        <h1 className="is-prose">{description ?? plan.client_id ?? 'Plan'}</h1>
        <MonitorTag of={plan} />
        <PlanActions plan={plan} />
      </div>
      <p className={`why tone-${status}`} aria-live="polite">
        {plan.error?.message ?? sentence(plan, took)}
      </p>
      {phase !== 'done' && (
        <p className="run-progress">
          <progress max={1} value={progress} aria-label="Progress" />
          <strong>{Math.round(progress * 100)} %</strong>
        </p>
      )}
      <Progress
        counts={counts}
        label={`${Math.round(progress * 100)} % of ${plural(counts.total, 'step')}`}
      />
      <p className="facts">
        <span>{String(plan.strategy.type).replaceAll('_', ' ')}</span>
        <span>{duration(took)}</span>
        <span>
          <code title={id}>…{shortId(id)}</code>
          <CopyButton text={id} label="Copy the id" />
        </span>
        <span>{plan.user_id}</span>
        {rerun !== null && <Link href={`/plans/${rerun}`}>rerun of …{shortId(rerun)}</Link>}
        {redrive !== null && <Link href={`/plans/${redrive}`}>redrive of …{shortId(redrive)}</Link>}
        {plan.critical_path !== null && <span>critical path {duration(plan.critical_path.duration_ms)}</span>}
      </p>
    </header>
  );
}

function sentence({ phase, status, counts, cancel, steps = [] }: Plan, took: number): string {
  if (phase === 'canceling')
    return `Cancel requested${cancel?.reason == null ? '' : ` (${cancel.reason})`}: its steps are ending.`;
  const awaiting = steps.filter((step) => step.phase === 'awaiting').length;
  if (phase !== 'done')
    return [
      `${plural(counts.running, 'step')} running`,
      ...(awaiting === 0 ? [] : [`${awaiting} waiting for a signal, an approval or a time`]),
      `${counts.pending - awaiting} to come.`,
    ].join(', ');
  return status === 'completed'
    ? `Completed in ${duration(took)}.`
    : `It ended as ${status.replace('_', ' ')}.`;
}

const ORDER = ['completed', 'failed', 'timed_out', 'cancelled', 'running', 'skipped', 'pending'] as const;

/** Steps by their status, as one line. */
export function Progress({ counts, label }: { counts: Plan['counts']; label: string }) {
  return (
    <div className="progress" role="img" aria-label={label} title={label}>
      {ORDER.map(
        (one) =>
          counts[one] > 0 && (
            <span key={one} className={`tone-${one}`} style={{ flexGrow: counts[one] }}>
              {counts[one]}
            </span>
          ),
      )}
    </div>
  );
}

function PlanActions({ plan }: { plan: Plan }) {
  const { id, phase, status } = plan;
  const execd = useExecd();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const [asks, setAsks] = useState(false);
  const [asksWhy, setAsksWhy] = useState(false);
  const canCancel = useCan('cancel');
  const canSubmit = useCan('submit');
  const again = useMutation({
    mutationFn: (how: 'rerun' | 'redrive') => execd.plans[how](id),
    onSuccess: (made) => navigate(`/plans/${made.id}`),
  });
  const isLive = phase !== 'done';
  return (
    <div className="actions">
      <Problem error={again.error} />
      {canCancel && phase === 'running' && (
        <Button look="danger" icon="stop" onClick={() => setAsks(true)}>
          Cancel
        </Button>
      )}
      {canSubmit && !isLive && status !== 'completed' && (
        <Button look="main" icon="rerun" onClick={() => again.mutate('redrive')}>
          Redrive
        </Button>
      )}
      {canSubmit && !isLive && (
        <Button icon="rerun" onClick={() => again.mutate('rerun')}>
          Rerun all
        </Button>
      )}
      <Button onClick={() => setAsksWhy(true)}>Why?</Button>
      {asksWhy && (
        <Dialog title="Explanation" isWide onClose={() => setAsksWhy(false)}>
          <WhyTab of={plan} />
        </Dialog>
      )}
      {asks && (
        <CancelDialog
          what="plan"
          onClose={() => setAsks(false)}
          onCancel={async ({ reason }) => {
            await execd.plans.cancel(id, reason === undefined ? {} : { reason });
            await queries.invalidateQueries({ queryKey: planKey(id) });
          }}
        />
      )}
    </div>
  );
}
