// A look at an artifact: text, JSON or a picture. Nothing of it runs, whatever it holds.
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { components } from '../../../src/client/types.ts';
import { plainText } from '../log/ansi.ts';
import { useExecd } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Failed, Loading } from '../ui/states.tsx';
import { bytes } from '../words/format.ts';
import { blobOf, pictureType, textOf } from './files.ts';

const TEXT_BYTES = 256 * 1024;
const PICTURE_BYTES = 20 * 1024 * 1024;

interface Props {
  id: string;
  file: components['schemas']['Artifact'];
  onClose: () => void;
  onSave: () => void;
}

export function FilePreview({ id, file, onClose, onSave }: Props) {
  const { path, size, digest } = file;
  const type = pictureType(path);
  return (
    <Dialog title={path} isWide onClose={onClose}>
      {type !== null && size <= PICTURE_BYTES ? (
        <Picture id={id} path={path} type={type} />
      ) : (
        <Text id={id} path={path} size={size} />
      )}
      <div className="actions">
        <Button icon="download" onClick={onSave}>
          {`Save, ${bytes(size)}`}
        </Button>
        <code className="hint" title={digest}>
          SHA-256 {digest.slice(0, 16)}…
        </code>
      </div>
    </Dialog>
  );
}

function Picture({ id, path, type }: { id: string; path: string; type: string }) {
  const execd = useExecd();
  const [url, setUrl] = useState<string | null>(null);
  const { data, error } = useQuery({
    queryKey: ['artifact', id, path],
    queryFn: () => blobOf(execd, id, path),
    gcTime: 0,
  });
  useEffect(() => {
    if (data === undefined) return;
    const made = URL.createObjectURL(new Blob([data], { type }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [data, type]);
  if (error !== null) return <Failed error={error} />;
  if (url === null) return <Loading what="the picture" />;
  return <img className="picture" src={url} alt={`Artifact ${path}`} />;
}

function Text({ id, path, size }: { id: string; path: string; size: number }) {
  const execd = useExecd();
  const { data, error } = useQuery({
    queryKey: ['artifact', id, path, TEXT_BYTES],
    queryFn: async () =>
      size === 0
        ? ''
        : textOf(new Uint8Array(await (await blobOf(execd, id, path, TEXT_BYTES)).arrayBuffer())),
    gcTime: 0,
  });
  if (error !== null) return <Failed error={error} />;
  if (data === undefined) return <Loading what="the text" />;
  if (data === null) return <p className="hint">It is not text. Save it to look at it.</p>;
  if (data === '') return <p className="hint">It is empty.</p>;
  return (
    <>
      <pre className="file-text" tabIndex={0} aria-label={`Text of ${path}`}>
        {plainText(data)}
      </pre>
      {size > TEXT_BYTES && <p className="hint">The first {bytes(TEXT_BYTES)}.</p>}
    </>
  );
}
