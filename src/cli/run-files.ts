// Files of a run: what `--file` names goes along, small ones in the request, others as uploads before it.
import { basename } from 'node:path';
import type { Spec } from '../client/index.ts';
import { sendFile } from './commands/files.ts';
import { usage } from './exits.ts';
import { localFile, type LocalFile } from './local-files.ts';
import type { Session } from './session.ts';

export interface FileFlags {
  file?: string[];
  artifact?: string[];
  download?: string;
  force?: boolean;
}

/** The largest file that goes in the request, and the most of all of them: a request holds 1 MiB. */
const INLINE_BYTES = 64 * 1024;
const INLINE_TOTAL = 256 * 1024;
const EXECUTABLE = '0755';
const REMEDY = '. Write --file LOCAL, or LOCAL:PATH for another path there.';

/** Adds files and artifacts to a request. A dry run sends nothing: files that would be uploaded are empty in it. */
export async function addFiles(
  session: Session,
  spec: Spec,
  { file: files = [], artifact: globs = [] }: FileFlags,
  isDryRun: boolean,
): Promise<void> {
  const fields = spec as { files?: object[]; artifacts?: string[] };
  const named = await Promise.all(
    files.map(async (text) => ({ ...namesOf(text), file: await localFile(namesOf(text).local, REMEDY) })),
  );
  const added: object[] = [];
  let inlineBytes = 0;
  for (const { local, path, file } of named) {
    const isInline = file.size <= INLINE_BYTES && inlineBytes + file.size <= INLINE_TOTAL;
    if (isInline) inlineBytes += file.size;
    const source = isInline
      ? { base64: await base64Of(file) }
      : isDryRun
        ? { content: '' }
        : { upload: (await sendFile(session, local)).id };
    added.push({ path, ...source, ...(file.isExecutable ? { mode: EXECUTABLE } : {}) });
  }
  if (added.length > 0) fields.files = [...(fields.files ?? []), ...added];
  if (globs.length > 0) fields.artifacts = [...(fields.artifacts ?? []), ...globs];
}

/** `LOCAL` or `LOCAL:PATH`; without a path it has its own name there. */
function namesOf(text: string): { local: string; path: string } {
  const at = text.lastIndexOf(':');
  const local = at === -1 ? text : text.slice(0, at);
  const path = at === -1 ? basename(text) : text.slice(at + 1);
  if (local !== '' && path !== '') return { local, path };
  throw usage(`--file ${JSON.stringify(text)} lacks a name. Write it as LOCAL or LOCAL:PATH.`);
}

async function base64Of({ read }: LocalFile): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of read()) pieces.push(piece);
  return Buffer.concat(pieces).toString('base64');
}
