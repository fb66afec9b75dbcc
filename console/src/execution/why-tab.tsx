// Why it is as it is, as execd itself explains it: why it waits, why it ended, what was retried, what the cache had.
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { Execution, Explanation, Plan } from '../../../src/client/types.ts';
import { useExecd } from '../session/session.tsx';
import { Facts } from '../ui/facts.tsx';
import { Failed, Loading } from '../ui/states.tsx';
import { bytes, duration, fullTime, plural, shortId, whole } from '../words/format.ts';

const AGAIN_MS = 5000;

type Of<Name extends keyof Explanation> = NonNullable<Explanation[Name]>;

export function WhyTab({ of: { id, phase, revision } }: { of: Execution | Plan }) {
  const execd = useExecd();
  const { data, error } = useQuery({
    queryKey: ['why', id, revision],
    queryFn: () => execd.explain(id),
    placeholderData: (before) => before,
    // What it waits for changes without a change of its own.
    refetchInterval: phase === 'done' ? false : AGAIN_MS,
  });
  if (error !== null) return <Failed error={error} />;
  if (data === undefined) return <Loading what="the explanation" />;
  const { summary, waiting, told, end, attempts, cache, rerun, steps } = data;
  return (
    <div className="why-tab">
      <p>{summary}</p>
      {end !== null && told.map(({ event, words }) => <p key={event}>{words}</p>)}
      {waiting !== null && <Waiting waiting={waiting} />}
      {end !== null && <End end={end} />}
      {steps !== null && steps.length > 0 && <Steps steps={steps} leftOut={data.steps_left_out} />}
      {(attempts.length > 1 || attempts.some(({ retried }) => retried)) && <Attempts attempts={attempts} />}
      {cache !== null && <Cache cache={cache} />}
      {rerun !== null && (
        <Part title="A rerun">
          <p>{rerun.words}</p>
        </Part>
      )}
    </div>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section>
      <h2 className="label">{title}</h2>
      {children}
    </section>
  );
}

function Waiting({ waiting }: { waiting: Of<'waiting'> }) {
  const {
    words,
    position,
    ahead,
    slots,
    pool,
    concurrency,
    user,
    circuit,
    retry_at: retryAt,
    deadline,
  } = waiting;
  const rows: [string, ReactNode][] = [];
  if (position !== null) rows.push(['Before it', plural(position, 'execution')]);
  if (ahead !== null && position !== null && position > 0)
    rows.push([
      'Of these',
      `${whole(ahead.higher_priority)} of a higher priority, ${whole(ahead.own)} of the same user, ${whole(ahead.others)} of others`,
    ]);
  rows.push(['Slots', `${whole(slots.running)} of ${whole(slots.total)} in use`]);
  if (pool.servers !== null) rows.push(['Pool', `${pool.name}: ${pool.servers.join(', ') || 'no server'}`]);
  if (concurrency !== null)
    rows.push(['Its key', `${concurrency.key}: ${concurrency.running} of ${concurrency.limit} run`]);
  if (user.limit !== null) rows.push(['Its user', `${user.running} of ${user.limit} run`]);
  if (circuit !== null) rows.push(['Circuit', `${circuit.name}: ${circuit.state.replace('_', ' ')}`]);
  if (retryAt !== null) rows.push(['Next attempt', fullTime(retryAt)]);
  if (deadline !== null) rows.push(['Ends at', `${fullTime(deadline.at)} (${deadline.name})`]);
  if (waiting.estimate_ms !== null) rows.push(['Starts in', `about ${duration(waiting.estimate_ms)}`]);
  return (
    <Part title="Why it waits">
      <p>{words}</p>
      <Facts rows={rows} />
    </Part>
  );
}

const valueOf = ({ value, unit }: NonNullable<Of<'end'>['limit']>): string =>
  unit === 'bytes'
    ? bytes(value)
    : unit === 'ms' || unit === 's'
      ? duration(unit === 's' ? value * 1000 : value)
      : whole(value);

function End({ end }: { end: Of<'end'> }) {
  const { message, meaning, limit, last_output: last, advice } = end;
  return (
    <>
      <Part title="Why it ended">
        <p>{message}</p>
        {meaning !== null && <p>{meaning}</p>}
        {limit !== null && <Facts rows={[[limit.name, valueOf(limit)]]} />}
        {last !== null && (
          <pre tabIndex={0} aria-label={`Last lines of ${last.stream}`}>
            {last.text}
          </pre>
        )}
      </Part>
      {advice.length > 0 && (
        <Part title="Next steps">
          <ul className="advice">
            {advice.map((one) => (
              <li key={one}>{one}</li>
            ))}
          </ul>
        </Part>
      )}
    </>
  );
}

function Attempts({ attempts }: { attempts: Explanation['attempts'] }) {
  return (
    <Part title="Attempts">
      <ol className="advice">
        {attempts.map(({ number, message, words, wait_ms: wait }) => (
          <li key={number}>
            <strong>{number}</strong> {message ?? 'completed'} {words}
            {wait !== null && <span className="hint"> The next one came after {duration(wait)}.</span>}
          </li>
        ))}
      </ol>
    </Part>
  );
}

function Cache({ cache: { key, words, other, differences } }: { cache: Of<'cache'> }) {
  return (
    <Part title="The cache">
      <p>
        {words}{' '}
        {other !== null && <Link href={`/executions/${other.id}`}>Execution …{shortId(other.id)}</Link>}
      </p>
      {differences.length > 0 && (
        <table>
          <thead>
            <tr>
              <th>Field</th>
              <th>Here</th>
              <th>There</th>
            </tr>
          </thead>
          <tbody>
            {differences.map(({ field, here, there }) => (
              <tr key={field}>
                <td className="is-long">
                  <code>{field}</code>
                </td>
                <td className="is-long">{here ?? <span className="hint">absent</span>}</td>
                <td className="is-long">{there ?? <span className="hint">absent</span>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <p className="hint">
        Key <code title={key}>{key.slice(0, 16)}</code>
      </p>
    </Part>
  );
}

function Steps({ steps, leftOut }: { steps: Of<'steps'>; leftOut: number }) {
  return (
    <Part title="Steps that did not complete">
      <ul className="advice">
        {steps.map(({ step, words, first, execution_id: run }) => (
          <li key={step}>
            {run === null ? <strong>{step}</strong> : <Link href={`/executions/${run}`}>{step}</Link>}
            {first && <span className="tag tone-failed">first</span>} {words}
          </li>
        ))}
      </ul>
      {leftOut > 0 && <p className="hint">{plural(leftOut, 'more step')}.</p>}
    </Part>
  );
}
