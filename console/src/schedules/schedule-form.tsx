// A schedule to create or to change: when, as a form of its schema; and what it starts, as JSON.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import { dataOf } from '../../../src/client/calls.ts';
import type { components } from '../../../src/client/types.ts';
import { useCan, useExecd } from '../session/session.tsx';
import { EXAMPLES } from '../submit/examples.ts';
import { useSchemas } from '../submit/schema.ts';
import { type Fields, SchemaForm } from '../submit/schema-form.tsx';
import { readJson } from '../submit/values.ts';
import { Button } from '../ui/button.tsx';
import { useQueryParams } from '../ui/query-params.ts';
import { Empty, Failed, Loading, Problem } from '../ui/states.tsx';

type Body = components['schemas']['PutSchedule'];

/** What a request may name: execd shows more of a schedule than that. */
const FIELDS = [
  ...['cron', 'every_ms', 'at', 'timezone', 'description', 'overlap', 'misfire', 'max_catch_up'],
  ...['jitter_ms', 'max_runs', 'ends_at', 'silent_after_ms'],
] as const;

interface Begin {
  name: string;
  rules: Fields;
  /** An execution or a plan. */
  work: Fields;
}

export function ScheduleForm() {
  const [params] = useQueryParams();
  const execd = useExecd();
  const canSubmit = useCan('submit');
  const [from, execution] = [params.get('from'), params.get('execution')];
  const begin = useQuery({
    queryKey: ['schedule to edit', from, execution],
    queryFn: async (): Promise<Begin> => {
      if (execution !== null) return { name: '', rules: {}, work: (await execd.get(execution)).spec };
      if (from === null) return { name: '', rules: {}, work: EXAMPLES.shell };
      return beginOf(
        await dataOf(execd.api.GET('/v1/schedules/{name}', { params: { path: { name: from } } })),
      );
    },
    staleTime: Infinity,
    gcTime: 0,
  });
  if (!canSubmit) return <Empty title="This key may not create schedules" />;
  if (begin.error !== null) return <Failed error={begin.error} />;
  if (begin.data === undefined) return <Loading what="the schedule" />;
  return <Form begin={begin.data} isNew={from === null} />;
}

function beginOf(schedule: components['schemas']['Schedule']): Begin {
  const { name, execution, plan, state } = schedule;
  const all: Fields = schedule;
  const given = FIELDS.filter((field) => all[field] !== null && all[field] !== undefined);
  const rules = Object.fromEntries(given.map((field) => [field, all[field]]));
  const isOfCron = schedule.cron !== null;
  const { timezone, ...others } = rules;
  return {
    name,
    rules: { ...others, ...(isOfCron && { timezone }), ...(state === 'paused' && { paused: true }) },
    work: execution ?? plan ?? EXAMPLES.shell,
  };
}

function Form({ begin, isNew }: { begin: Begin; isNew: boolean }) {
  const execd = useExecd();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const schemas = useSchemas();
  const [name, setName] = useState(begin.name);
  const [rules, setRules] = useState(begin.rules);
  const [work, setWork] = useState(() => JSON.stringify(begin.work, null, 2));
  const { value, problem } = readJson(work);
  const save = useMutation({
    mutationFn: async (made: Fields) => {
      // A plan has steps, an execution has a kind.
      const body = { ...rules, [made.kind === undefined ? 'plan' : 'execution']: made } as Body;
      if (isNew) await dataOf(execd.api.POST('/v1/schedules', { body: { name, ...body } }));
      else await dataOf(execd.api.PUT('/v1/schedules/{name}', { params: { path: { name } }, body }));
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['schedules'] });
      navigate(`/schedules/${encodeURIComponent(name)}`);
    },
  });
  const schema = schemas.data?.PutSchedule;
  if (schemas.data === undefined || schema === undefined) return <Loading what="the form" />;
  return (
    <form
      className="screen schedule-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (value !== null) save.mutate(value);
      }}
    >
      <header className="list-head">
        <h1>{isNew ? 'New schedule' : `Edit ${name}`}</h1>
        <Link href="/schedules">All schedules</Link>
      </header>
      <div className="form">
        {isNew && (
          <div className="field">
            <label htmlFor="schedule-name">name *</label>
            <input
              id="schedule-name"
              required
              pattern="[A-Za-z0-9][A-Za-z0-9_.\-]{0,99}"
              title="Letters, digits, - _ and ."
              spellCheck={false}
              value={name}
              onChange={({ target }) => setName(target.value)}
            />
          </div>
        )}
        <SchemaForm
          {...{ schemas: schemas.data, schema, value: rules }}
          first={['cron', 'every_ms', 'at', 'timezone', 'overlap']}
          without={['execution', 'plan']}
          onChange={setRules}
        />
        <div className="field">
          <label htmlFor="schedule-work">Execution or plan *</label>
          <textarea
            id="schedule-work"
            rows={10}
            spellCheck={false}
            aria-invalid={problem !== ''}
            aria-describedby="schedule-work-about"
            value={work}
            onChange={({ target }) => setWork(target.value)}
          />
          <p id="schedule-work-about" className="hint">
            An execution (with <code>kind</code>) or a plan (with <code>steps</code>), as JSON.
          </p>
        </div>
        {problem !== '' && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        <Problem error={save.error} />
        <div className="actions">
          <Button look="main" type="submit" disabled={value === null || save.isPending}>
            {isNew ? 'Create it' : 'Save it'}
          </Button>
        </div>
      </div>
    </form>
  );
}
