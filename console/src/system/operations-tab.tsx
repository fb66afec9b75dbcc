// Operations: what there is, with its version and parameters; and, for administrators, putting, reading and removing them.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { dataOf } from '../../../src/client/calls.ts';
import type { components, Operation } from '../../../src/client/types.ts';
import { useCan, useExecd } from '../session/session.tsx';
import { JsonField } from '../submit/json-field.tsx';
import { readJson } from '../submit/values.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Failed, Loading, Problem } from '../ui/states.tsx';
import { Ago } from '../ui/time.tsx';

type Stored = components['schemas']['StoredOperation'];

const EXAMPLE = {
  description: 'Greets somebody',
  params: {
    type: 'object',
    properties: { name: { type: 'string', description: 'Whom to greet' } },
    required: ['name'],
    additionalProperties: false,
  },
  run: { kind: 'exec', program: 'echo', args: ['hello', '{{name}}'] },
};
const VERSION_CHARS = 12;

export function OperationsTab() {
  const execd = useExecd();
  const isAdmin = useCan('admin');
  const canSubmit = useCan('submit');
  const [edited, edit] = useState<{ name: string; definition: object; isNew: boolean } | null>(null);
  const [removed, remove] = useState<string | null>(null);
  const { data, error, refetch } = useQuery({
    queryKey: ['operations'],
    queryFn: ({ signal }) => dataOf(execd.api.GET('/v1/operations', { signal })),
  });
  const stored = useQuery({
    queryKey: ['operations', 'stored'],
    queryFn: ({ signal }) => dataOf(execd.api.GET('/v1/admin/operations', { signal })),
    enabled: isAdmin,
  });
  const failure = error ?? stored.error;
  if (failure !== null) return <Failed error={failure} onRetry={() => void refetch()} />;
  if (data === undefined || (isAdmin && stored.data === undefined)) return <Loading what="operations" />;
  const put = new Map(stored.data?.items.map((one) => [one.name, one]));
  // Those that the settings do not allow any more are not among those that can run.
  const names = [...new Set([...data.items.map(({ name }) => name), ...put.keys()])].sort();
  return (
    <>
      <div className="tab-tools">
        {isAdmin && (
          <Button icon="plus" onClick={() => edit({ name: '', definition: EXAMPLE, isNew: true })}>
            New operation
          </Button>
        )}
      </div>
      {names.length === 0 && (
        <p className="hint">
          There is no operation. The operations file (<code>EXECUTION_OPERATIONS_FILE</code>) has them, or an
          administrator puts them here.
        </p>
      )}
      {names.length > 0 && (
        <table tabIndex={0}>
          <thead>
            <tr>
              <th>Operation</th>
              <th>Kind</th>
              <th>Version</th>
              <th>From</th>
              <th>
                <span className="sr-only">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {names.map((name) => {
              const one = data.items.find((of) => of.name === name);
              const own = put.get(name);
              return (
                <tr key={name}>
                  <td className="is-long">
                    <code>{name}</code>
                    <p className="hint">{one?.description}</p>
                    {one !== undefined && <Parameters of={one} />}
                    {own?.problems.map(({ field, message }) => (
                      <p key={field} className="notice">
                        <code>{field}</code> {message}
                      </p>
                    ))}
                  </td>
                  <td>{one?.kind ?? '–'}</td>
                  <td>
                    <code title={one?.version}>{one?.version.slice(0, VERSION_CHARS) ?? '–'}</code>
                  </td>
                  <td>
                    <Origin of={own} />
                  </td>
                  <td>
                    <span className="actions">
                      {canSubmit && one !== undefined && (
                        <Link
                          className="button"
                          aria-label={`Run ${name}`}
                          href={`/submit?operation=${encodeURIComponent(name)}`}
                        >
                          Run
                        </Link>
                      )}
                      {own !== undefined && (
                        <>
                          <Button
                            look="quiet"
                            icon="edit"
                            aria-label={`Edit ${name}`}
                            onClick={() => edit({ name, definition: own.definition, isNew: false })}
                          >
                            Edit
                          </Button>
                          <Button look="quiet" aria-label={`Remove ${name}`} onClick={() => remove(name)}>
                            Remove
                          </Button>
                        </>
                      )}
                    </span>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
      {edited !== null && <Editor {...edited} onClose={() => edit(null)} />}
      {removed !== null && <RemoveDialog name={removed} onClose={() => remove(null)} />}
    </>
  );
}

function Origin({ of }: { of: Stored | undefined }) {
  if (of === undefined) return <>the operations file</>;
  return (
    <>
      {of.put_by}, <Ago time={of.put_at} />
      {of.state !== 'active' && (
        <span className="tag tone-failed">
          {of.state === 'shadowed' ? 'the file defines it, too' : 'invalid'}
        </span>
      )}
    </>
  );
}

/** Names of the parameters; those that must be given are marked. */
function Parameters({ of }: { of: Operation }) {
  const { properties = {}, required = [] } = of.params as {
    properties?: Record<string, unknown>;
    required?: string[];
  };
  const names = Object.keys(properties);
  if (names.length === 0) return null;
  return (
    <p className="hint">
      {names.map((name) => (
        <span key={name} className="tag">
          {name}
          {required.includes(name) ? ' *' : ''}
        </span>
      ))}
    </p>
  );
}

function Editor({
  name: first,
  definition,
  isNew,
  onClose,
}: {
  name: string;
  definition: object;
  isNew: boolean;
  onClose: () => void;
}) {
  const execd = useExecd();
  const queries = useQueryClient();
  const [name, setName] = useState(first);
  const [text, setText] = useState(() => JSON.stringify(definition, null, 2));
  const read = readJson(text);
  const put = useMutation({
    mutationFn: () =>
      dataOf(
        execd.api.PUT('/v1/admin/operations/{name}', {
          params: { path: { name: name.trim() } },
          body: { ...read.value },
        }),
      ),
    onSuccess: () => {
      onClose();
      return queries.invalidateQueries({ queryKey: ['operations'] });
    },
  });
  return (
    <Dialog title={isNew ? 'New operation' : `Operation ${first}`} isWide onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          put.mutate();
        }}
      >
        {isNew && (
          <label className="field">
            <span>Name</span>
            <input required value={name} onChange={({ target }) => setName(target.value)} />
          </label>
        )}
        <JsonField
          label="Definition, as in the operations file"
          rows={18}
          text={text}
          read={read}
          onChange={setText}
        />
        <Problem error={put.error} />
        <div className="actions">
          <Button look="main" type="submit" disabled={put.isPending || read.value === null}>
            {isNew ? 'Create' : 'Replace'}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function RemoveDialog({ name, onClose }: { name: string; onClose: () => void }) {
  const execd = useExecd();
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => dataOf(execd.api.DELETE('/v1/admin/operations/{name}', { params: { path: { name } } })),
    onSuccess: () => {
      onClose();
      return queries.invalidateQueries({ queryKey: ['operations'] });
    },
  });
  return (
    <Dialog title={`Remove ${name}?`} onClose={onClose}>
      <p>execd then rejects requests for it. Running executions continue.</p>
      <Problem error={remove.error} />
      <div className="actions">
        <Button look="danger" disabled={remove.isPending} onClick={() => remove.mutate()}>
          Remove it
        </Button>
      </div>
    </Dialog>
  );
}
