// `execd run`: a command on the server, as if it ran here.
import type { Command } from 'commander';
import { namesProcess } from '../../client/kinds.ts';
import { ConnectionError, ProblemError, type Spec } from '../../client/index.ts';
import { fetchAll } from './files.ts';
import { attach, begun } from '../attach.ts';
import { Exit, EXIT, usage } from '../exits.ts';
import { many } from '../options.ts';
import { type RunFlags, specOf } from '../run-spec.ts';
import { addFiles, type FileFlags } from '../run-files.ts';
import type { Session } from '../session.ts';
import { attachTerminal, hasTerminal, passInput, terminalSize } from '../live.ts';
import { plain } from '../units.ts';
import { asStdin, isPiped, readAll } from '../stdin.ts';

interface Flags extends RunFlags, FileFlags {
  detach?: boolean;
  dryRun?: boolean;
  stdin: boolean;
  interactive?: boolean;
  tty?: boolean;
  idempotencyKey?: string;
}

const EXAMPLES = `
Examples:
  $ execd run -- make test                      runs a program; output, input and exit code as if it ran here
  $ execd run -c 'ls | wc -l'                   runs a line of bash
  $ execd run -w . -e CI=1 -- npm test          in this directory (of the server's machine), with a variable
  $ git diff | execd run -- wc -l               with input
  $ execd run --file build.sh --artifact 'dist/**' --download . -- ./build.sh
                                                with a file; its results are in ./dist afterwards
  $ execd run -T -- bash                        in this terminal
  $ execd run -d -t 1h -l team=web -- ./build   returns at once, and prints the id
  $ execd run --operation deploy -p env=prod    runs an operation by its name

Ctrl-C cancels the command and waits for the proof that its processes have ended. A second Ctrl-C leaves it running, and
prints how to come back.

Exit codes: those of the command; 128+n for signal n; 124 for a timeout; 120 over a limit; 121 lost; 122 cancelled by
somebody else; 123 connection lost for too long; 125 rejected by execd; 126 not executable; 127 not found; 130 Ctrl-C.
`;

export function runCommand(program: Command, session: Session, end: (code: number) => void): void {
  program
    .command('run')
    .summary('run a command and show its output live')
    .description('Runs a command on the server. Output, input, exit code and Ctrl-C are as if it ran here.')
    .argument('[command...]', 'the program and its arguments, after --')
    .passThroughOptions()
    .option('-c, --command <line>', 'a bash command line instead of a program')
    .option('--operation <name>', 'an operation of the server')
    .option('-p, --param <name=value>', 'a parameter of the operation; repeatable', many)
    .option('--spec <file>', 'a request as JSON; - reads it from standard input')
    .option('-w, --cwd <dir>', 'working directory on the machine of the server (default: a private one)')
    .option('-e, --env <name[=value]>', 'a variable; without a value, the value here; repeatable', many)
    .option('--env-file <file>', 'variables from a file; repeatable', many)
    .option('-n, --no-stdin', 'do not pass on standard input')
    .option('-i, --interactive', 'pass standard input on as you type')
    .option('-T, --tty', 'give the command this terminal; Ctrl-] leaves it running')
    .option('-d, --detach', 'return at once, and print the id')
    .option('-t, --timeout <duration>', 'longest attempt, as 90s, 5m or 1h30m')
    .option('--idle-timeout <duration>', 'longest time without output')
    .option('--queue-timeout <duration>', 'longest wait for a slot')
    .option('--total-timeout <duration>', 'longest time from now to the end')
    .option('--late-start <duration>', 'report it as late if it has not started after this time')
    .option('--late <duration>', 'report it as late if it has not ended after this time')
    .option('--stuck <duration>', 'report it as stuck after this time without output or progress')
    .option('--cancel-late', 'also cancel it if it is reported')
    .option('--memory <size>', 'most memory, as 512M or 2G')
    .option('--cpu <seconds>', 'most processor time')
    .option('--processes <number>', 'most processes')
    .option('--root <name>', 'in a sandbox with this root directory of the server')
    .option('--isolation <tier>', 'at least this isolation: supervised, uid or sandbox')
    .option(
      '--network <hosts>',
      'with these hosts only, in a sandbox: name, *.name or name:port, comma-separated',
    )
    .option('--no-network', 'without network, in a sandbox')
    .option('--retry <attempts>', 'attempts in total if it fails')
    .option('--retry-safe', 'also retry an attempt that was interrupted')
    .option('--cache [duration]', 'use a cached result, and keep this one for this time')
    .option('-l, --label <name=value>', 'a label; repeatable', many)
    .option('--task <id>', 'a group of executions')
    .option('--priority <number>', 'higher priorities run first')
    .option('--pool <name>', 'only servers of this pool run it')
    .option('--stop-signal <signal>', 'the signal of a cancel (default: SIGTERM)')
    .option('--grace <duration>', 'time between that signal and SIGKILL')
    .option('--max-output <size>', 'most output to keep (default: the limit of the server)')
    .option('--at <time>', 'start then, as 2030-01-31T09:00:00Z')
    .option('--delay <duration>', 'start after so long')
    .option('--reject', 'reject instead of waiting for a slot')
    .option('--file <local[:path]>', 'a file for the command, under its name or as PATH; repeatable', many)
    .option('--artifact <glob>', 'files to keep after the end; repeatable', many)
    .option('--download <dir>', 'write the artifacts below this directory after the end')
    .option('--force', 'with --download: replace files that exist')
    .option('--idempotency-key <key>', 'run a command only once with this key')
    .option('--dry-run', 'show the effect without running it')
    .addHelpText('after', EXAMPLES)
    .action(async (words: string[], flags: Flags) => end(await run(session, words, flags)));
}

async function run(session: Session, words: string[], flags: Flags): Promise<number> {
  const { terminal, client } = session;
  const spec = specOf(words, flags, terminal.env);
  checkDownload(flags);
  await addFiles(session, spec, flags, flags.dryRun === true);
  if (flags.dryRun === true) return dryRun(session, spec);
  const isTerminal = flags.tty === true;
  if (isTerminal && !hasTerminal()) throw usage('--tty needs a terminal as standard input and output.');
  if (isTerminal) Object.assign(spec, { tty: terminalSize() });
  else if (flags.interactive === true) Object.assign(spec, { stdin: { open: true } });
  else if (flags.stdin && flags.spec !== '-' && takesStdin(spec) && isPiped()) {
    const bytes = await readAll(terminal);
    if (bytes.length > 0) Object.assign(spec, { stdin: asStdin(bytes) });
  }
  const { idempotencyKey } = flags;
  const key = idempotencyKey === undefined ? {} : { idempotencyKey };
  const execution = await client.submit(spec, key).catch((error: unknown) => {
    throw refused(error);
  });
  session.isBack();
  const passed = flags.interactive === true ? passInput : undefined;
  const code = isTerminal
    ? await begun(session, execution, flags.detach === true, attachTerminal)
    : await begun(session, execution, flags.detach === true, (of, id) => attach(of, id, passed));
  await fetchArtifacts(session, execution.id, flags);
  return code;
}

function checkDownload({ download, artifact, force, detach, operation, spec }: Flags): void {
  if (force === true && download === undefined) throw usage('--force is for --download.');
  if (download === undefined) return;
  if (detach === true)
    throw usage('--download waits for the end; with --detach, use `execd download --all ID` afterwards.');
  if (artifact === undefined && operation === undefined && spec === undefined)
    throw usage('--download needs --artifact, which names the files to keep.');
}

/** Writes what the command has left, however it ended; nothing while it goes on. */
async function fetchArtifacts(session: Session, id: string, { download: dir, force }: Flags): Promise<void> {
  if (dir === undefined || (await session.client.get(id)).phase !== 'done') return;
  const artifacts = await session.client.artifacts(id);
  const written = await fetchAll(session, id, artifacts, { dir, replaces: force === true });
  for (const { file } of written) await session.terminal.note(`wrote ${plain(file)}`);
}

function takesStdin(spec: Spec): boolean {
  return namesProcess(spec) && !('stdin' in spec);
}

/** Nothing has run: that has a code of its own, which no command has. */
function refused(error: unknown): unknown {
  if (!(error instanceof ProblemError) && !(error instanceof ConnectionError)) return error;
  return Object.assign(new Exit(EXIT.refused, error.message), { cause: error });
}

async function dryRun({ terminal, client, isJson }: Session, spec: Spec): Promise<number> {
  const answer = await client.dryRun(spec);
  const { accepted, begins, problem, cost } = answer;
  if (isJson) await terminal.json(answer);
  else if (accepted)
    await terminal.line(
      `It would be accepted, and begin as ${begins}.${cost === null ? '' : ` It may cost ${cost.reserved} credits.`}`,
    );
  else await terminal.error(problem?.detail ?? 'It would be rejected.');
  return accepted ? EXIT.ok : EXIT.refused;
}
