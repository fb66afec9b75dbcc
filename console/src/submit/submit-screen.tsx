// A request as a form or as JSON; what execd thinks of it; and its submission.
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation } from 'wouter';
import type { PlanRequest, Spec } from '../../../src/client/types.ts';
import { CopyAs } from '../execution/actions.tsx';
import { useCan, useExecd } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { useQueryParams } from '../ui/query-params.ts';
import { Empty, Failed, Loading, Problem } from '../ui/states.tsx';
import { KINDS } from '../words/status.ts';
import { EXAMPLES } from './examples.ts';
import { OperationForm } from './operation-form.tsx';
import { schemaOf, useSchemas } from './schema.ts';
import { type Fields, SchemaForm } from './schema-form.tsx';
import { TrialPanel } from './trial-panel.tsx';
import { useDryRun } from './use-dry-run.ts';
import { readJson } from './values.ts';

export function SubmitScreen() {
  const [params] = useQueryParams();
  const execd = useExecd();
  const canSubmit = useCan('submit');
  const from = params.get('from');
  const before = useQuery({
    queryKey: ['execution', from],
    queryFn: () => execd.get(from ?? ''),
    enabled: from !== null,
    staleTime: Infinity,
  });
  if (!canSubmit)
    return (
      <Empty title="This key may not submit">
        <p>It lacks the scope “submit”.</p>
      </Empty>
    );
  if (before.error !== null) return <Failed error={before.error} />;
  if (from !== null && before.data === undefined) return <Loading what="the request" />;
  const kind = KINDS.find((one) => one === params.get('kind')) ?? 'shell';
  const operation = params.get('operation');
  const example = operation === null ? EXAMPLES[kind] : { kind: 'operation', name: operation };
  return <Editor key={from ?? operation} first={before.data?.spec ?? example} />;
}

function Editor({ first }: { first: Fields }) {
  const [value, setValue] = useState(first);
  const [text, setText] = useState<string | null>(first.kind === undefined ? pretty(first) : null);
  const schemas = useSchemas();
  const isJson = text !== null;
  const isPlan = value.kind === undefined;
  const read = isJson ? readJson(text) : { value, problem: '' };
  const trial = useDryRun(read.value, isPlan);
  const submit = useSubmit(isPlan);
  const choose = (kind: (typeof KINDS)[number]) => {
    setValue(EXAMPLES[kind]);
    setText(kind === 'plan' || isJson ? pretty(EXAMPLES[kind]) : null);
  };
  const kind = isPlan ? 'plan' : String(value.kind);
  const schema = schemas.data === undefined ? null : schemaOf(schemas.data, kind);
  return (
    <div className="screen submit">
      <section className="submit-input" aria-label="Request">
        <header>
          <h1>Submit</h1>
          <div className="chips">
            {KINDS.map((one) => (
              <button
                key={one}
                type="button"
                className="chip"
                aria-pressed={one === kind}
                onClick={() => choose(one)}
              >
                {one}
              </button>
            ))}
          </div>
          <span className="spread" />
          <Button
            look="quiet"
            aria-pressed={isJson}
            disabled={isPlan || (isJson && read.value === null)}
            onClick={() => {
              if (isJson && read.value !== null) setValue(read.value);
              setText(isJson ? null : pretty(value));
            }}
          >
            JSON
          </Button>
        </header>
        {isJson ? (
          <JsonEditor
            text={text}
            problem={read.problem}
            onChange={(next) => {
              setText(next);
              const { value: changed } = readJson(next);
              if (changed !== null) setValue(changed);
            }}
          />
        ) : schemas.data === undefined || schema === null ? (
          <Loading what="the form" />
        ) : kind === 'operation' ? (
          <OperationForm {...{ schemas: schemas.data, schema, value }} onChange={setValue} />
        ) : (
          <SchemaForm
            key={kind}
            {...{ schemas: schemas.data, schema, value }}
            without={['kind']}
            onChange={setValue}
          />
        )}
      </section>
      <aside className="submit-side" aria-label="Trial">
        <div className="actions">
          <Button
            look="main"
            disabled={read.value === null || submit.isPending}
            onClick={() => read.value !== null && submit.mutate(read.value)}
          >
            Run it
          </Button>
          {read.value !== null && <CopyAs spec={read.value} isPlan={isPlan} />}
        </div>
        <Problem error={submit.error} />
        <TrialPanel trial={trial.data} error={trial.error} />
      </aside>
    </div>
  );
}

const pretty = (value: unknown): string => JSON.stringify(value, null, 2);

function useSubmit(isPlan: boolean) {
  const execd = useExecd();
  const [, navigate] = useLocation();
  return useMutation({
    mutationFn: async (body: Fields): Promise<string> => {
      if (isPlan) return `/plans/${(await execd.plans.submit(body as unknown as PlanRequest)).id}`;
      return `/executions/${(await execd.submit(body as unknown as Spec)).id}`;
    },
    onSuccess: (path) => navigate(path),
  });
}

function JsonEditor({
  text,
  problem,
  onChange,
}: {
  text: string;
  problem: string;
  onChange: (text: string) => void;
}) {
  return (
    <div className="json-editor">
      <textarea
        aria-label="Request as JSON"
        aria-invalid={problem !== ''}
        spellCheck={false}
        value={text}
        onChange={({ target }) => onChange(target.value)}
      />
      {problem !== '' && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}
