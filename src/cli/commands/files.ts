// Files: `execd upload`, `execd artifacts`, `execd download`.
import type { Command } from 'commander';
import { Exit, EXIT, usage } from '../exits.ts';
import { localFile, placeOf, writeBelow } from '../local-files.ts';
import { Progress } from '../progress.ts';
import type { Session } from '../session.ts';
import { type Column, table } from '../table.ts';
import { plain, shownBytes } from '../units.ts';
import type { Artifact, UploadData } from '../../client/index.ts';

interface DownloadFlags {
  all?: boolean;
  output: string;
  force?: boolean;
}

const UPLOAD_EXAMPLES = `
Examples:
  $ execd upload data.csv                       prints the id, for "files": [{"path": …, "upload": ID}]
  $ tar -cz src | execd upload -                standard input
`;
const DOWNLOAD_EXAMPLES = `
Examples:
  $ execd download @last dist/app.tgz           writes ./dist/app.tgz
  $ execd download --all -o out 01a1fc37        every artifact, below out/
  $ execd download -o - @last report.json | jq .
`;

export function fileCommands(program: Command, session: Session): void {
  program
    .command('upload')
    .summary('send a file, for requests that use it')
    .description('Sends a file and prints its id. An upload that nothing uses expires.')
    .argument('<file>', 'a file; - reads standard input')
    .addHelpText('after', UPLOAD_EXAMPLES)
    .action((file: string) => upload(session, file));
  program
    .command('artifacts')
    .summary('list the files that an execution has left')
    .argument('[id]', 'an id, the beginning of one, or @last', '@last')
    .action((id: string) => list(session, id));
  program
    .command('download')
    .summary('get files that an execution has left')
    .description(
      'Writes artifacts below a directory, with their paths. Each has the digest that the server has for it.',
    )
    .argument('<id>', 'an id, the beginning of one, or @last')
    .argument('[path...]', 'paths of artifacts')
    .option('--all', 'all artifacts')
    .option('-o, --output <dir>', 'the directory; - writes one artifact to standard output', '.')
    .option('-f, --force', 'replace files that exist')
    .addHelpText('after', DOWNLOAD_EXAMPLES)
    .action((id: string, paths: string[], flags: DownloadFlags) => download(session, id, paths, flags));
}

async function upload(session: Session, file: string): Promise<void> {
  const { terminal, isJson } = session;
  const sent =
    file === '-' ? await send(session, 'standard input', process.stdin) : await sendFile(session, file);
  if (isJson) await terminal.json(sent);
  else await terminal.line(sent.id);
}

/** Sends a file of this machine, with its progress on a terminal. */
export async function sendFile(session: Session, path: string) {
  const { size, read } = await localFile(path);
  return send(session, path, read(), size);
}

async function send(session: Session, name: string, data: UploadData, size?: number) {
  const progress = new Progress(session);
  try {
    return await session.client.upload(data, {
      ...(size === undefined ? {} : { size }),
      onProgress: (bytes, of) => progress.show(name, bytes, of),
    });
  } finally {
    await progress.end();
    session.isBack();
  }
}

async function list(session: Session, text: string): Promise<void> {
  const { terminal, client, isJson } = session;
  const artifacts = await client.artifacts(await session.idOf(text));
  if (isJson) return terminal.json(artifacts);
  if (artifacts.length === 0) return terminal.note('There is no artifact.');
  const columns: Column<Artifact>[] = [
    { name: 'SIZE', value: ({ size }) => shownBytes(size), isRight: true },
    { name: 'SHA-256', value: ({ digest }) => digest.slice(0, SHOWN_DIGITS) },
    { name: 'TYPE', value: ({ media_type: type }) => type },
    { name: 'PATH', value: ({ path }) => path },
  ];
  return terminal.line(table(terminal.out, columns, artifacts));
}
const SHOWN_DIGITS = 12;

async function download(
  session: Session,
  text: string,
  paths: string[],
  flags: DownloadFlags,
): Promise<void> {
  const { all = false, output, force = false } = flags;
  if (all === paths.length > 0)
    throw usage('Give the paths of artifacts, or --all. `execd artifacts ID` lists them.');
  const isPrinted = output === '-';
  if (isPrinted && (all || paths.length > 1))
    throw usage('Standard output takes one artifact; give a directory to -o.');
  const id = await session.idOf(text);
  if (isPrinted) {
    for await (const bytes of session.client.download(id, paths[0] ?? ''))
      await session.terminal.out.write(bytes);
    return;
  }
  const artifacts = await session.client.artifacts(id);
  const wanted = all ? artifacts : paths.map((path) => found(artifacts, path));
  const written = await fetchAll(session, id, wanted, { dir: output, replaces: force });
  if (session.isJson) await session.terminal.json(written);
  else for (const { file } of written) await session.terminal.line(plain(file));
}

function found(artifacts: readonly Artifact[], path: string): Artifact {
  const one = artifacts.find((artifact) => artifact.path === path);
  if (one !== undefined) return one;
  const some = artifacts.slice(0, 10).map(({ path: of }) => `\n  ${plain(of)}`);
  const has = some.length === 0 ? ' It has none.' : ` It has:${some.join('')}`;
  throw new Exit(EXIT.failed, `The execution has no artifact ${JSON.stringify(path)}.${has}`);
}

/** Writes artifacts below a directory. @throws Exit before anything is written when a path leads out of it */
export async function fetchAll(
  session: Session,
  id: string,
  artifacts: readonly Artifact[],
  { dir, replaces }: { dir: string; replaces: boolean },
): Promise<{ path: string; file: string; size: number; digest: string }[]> {
  for (const { path } of artifacts) placeOf(dir, path);
  const written = [];
  for (const { path, size, digest } of artifacts) {
    const progress = new Progress(session);
    try {
      const bytes = counted(session.client.download(id, path), (count) => progress.show(path, count, size));
      written.push({ path, file: await writeBelow(dir, path, { bytes, replaces }), size, digest });
    } finally {
      await progress.end();
    }
  }
  return written;
}

async function* counted(
  pieces: AsyncIterable<Uint8Array>,
  onBytes: (count: number) => void,
): AsyncGenerator<Uint8Array, void> {
  let count = 0;
  for await (const piece of pieces) {
    yield piece;
    onBytes((count += piece.length));
  }
}
