// Files that came with the request, and files that it has left: to look at and to save.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { components, Execution } from '../../../src/client/types.ts';
import { dataOf } from '../../../src/client/calls.ts';
import { saveBlob } from '../log/download.ts';
import { useExecd } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { Failed, Loading, Problem } from '../ui/states.tsx';
import { bytes, plural } from '../words/format.ts';
import { FilePreview } from './file-preview.tsx';
import { blobOf } from './files.ts';

type Artifact = components['schemas']['Artifact'];
interface InputFile {
  path: string;
  content?: string;
  base64?: string;
  upload?: string;
  artifact?: { execution: string; path: string };
}

/** Whether there is anything to show. */
export function hasFiles({ spec }: Execution): boolean {
  return 'files' in spec || 'artifacts' in spec;
}

export function FilesTab({ execution }: { execution: Execution }) {
  const { spec, phase, outcome } = execution;
  const { files = [], artifacts } = spec as { files?: InputFile[]; artifacts?: string[] };
  const end = outcome?.artifacts;
  return (
    <>
      {artifacts !== undefined && (
        <>
          <h2 className="label">Artifacts</h2>
          {phase === 'done' ? (
            <Artifacts id={execution.id} />
          ) : (
            <p className="hint">Kept after the end: {artifacts.join(', ')}</p>
          )}
        </>
      )}
      {end?.problems.map(({ path, reason }) => (
        <p key={path} className="notice">
          <code>{path}</code>: {reason}
        </p>
      ))}
      {end != null && end.left.count > 0 && (
        <p className="hint">
          {plural(end.left.count, 'other file')} left behind and removed: {end.left.paths.join(', ')}
        </p>
      )}
      {files.length > 0 && (
        <>
          <h2 className="label">Came with the request</h2>
          <ul className="file-list">
            {files.map((file) => (
              <li key={file.path}>
                <code>{file.path}</code>
                <span className="hint">{sourceOf(file)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function sourceOf({ content, base64, upload, artifact }: InputFile): string {
  if (content !== undefined) return bytes(new TextEncoder().encode(content).length);
  if (base64 !== undefined) return bytes(Math.floor((base64.length * 3) / 4));
  if (upload !== undefined) return 'from an upload';
  return artifact === undefined ? '' : `artifact ${artifact.path} of another execution`;
}

function Artifacts({ id }: { id: string }) {
  const execd = useExecd();
  const [shown, show] = useState<Artifact | null>(null);
  const [problem, setProblem] = useState<Error | null>(null);
  const { data, error } = useQuery({
    queryKey: ['artifacts', id],
    queryFn: ({ signal }) =>
      dataOf(execd.api.GET('/v1/executions/{id}/artifacts', { params: { path: { id } }, signal })),
    staleTime: Infinity,
  });
  if (error !== null) return <Failed error={error} />;
  if (data === undefined) return <Loading what="the list of files" />;
  const save = async (path: string) => {
    setProblem(null);
    try {
      saveBlob(await blobOf(execd, id, path), path.split('/').at(-1) ?? path);
    } catch (failure) {
      setProblem(failure as Error);
    }
  };
  const saveAll = async () => {
    const { data: archive, error: refusal } = await execd.api.GET('/v1/executions/{id}/artifacts.tar.gz', {
      ...{ params: { path: { id } }, parseAs: 'blob' },
    });
    if (archive instanceof Blob) saveBlob(archive, `${id}.tar.gz`);
    else setProblem(new Error(refusal?.detail ?? 'execd sent no archive'));
  };
  return (
    <>
      <Problem error={problem} />
      {data.items.length === 0 && <p className="hint">It has left none.</p>}
      <ul className="file-list">
        {data.items.map((file) => (
          <li key={file.path}>
            <button
              type="button"
              className="file-name"
              title={`Look at ${file.path}`}
              onClick={() => show(file)}
            >
              {file.path}
            </button>
            <span className="hint">{bytes(file.size)}</span>
            <Button
              look="quiet"
              icon="download"
              aria-label={`Save ${file.path}`}
              onClick={() => void save(file.path)}
            />
          </li>
        ))}
      </ul>
      {data.items.length > 1 && (
        <Button icon="download" onClick={() => void saveAll()}>
          {`All ${data.count} as tar.gz, ${bytes(data.bytes)}`}
        </Button>
      )}
      {shown !== null && (
        <FilePreview id={id} file={shown} onClose={() => show(null)} onSave={() => void save(shown.path)} />
      )}
    </>
  );
}
