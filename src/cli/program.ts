// The commands. Each is declared where it is; what it needs is loaded when it runs.
import { Command, CommanderError, Option } from 'commander';
import {
  ConnectionError,
  ExecdError,
  ForbiddenError,
  ProblemError,
  UnauthorizedError,
} from '../client/index.ts';
import { VERSION } from '../app/version.ts';
import { adminCommands } from './commands/admin.ts';
import { completionCommand } from './commands/completion.ts';
import { doctorCommand } from './commands/doctor.ts';
import { eventCommands } from './commands/events.ts';
import { executionCommands } from './commands/executions.ts';
import { explainCommand } from './commands/explain.ts';
import { fileCommands } from './commands/files.ts';
import { importCommand } from './commands/import.ts';
import { keysCommands } from './commands/keys.ts';
import { logCommands } from './commands/logs.ts';
import { loginCommands } from './commands/login.ts';
import { mcpCommand } from './commands/mcp.ts';
import { approvalCommands } from './commands/approvals.ts';
import { planCommands } from './commands/plans.ts';
import { reportCommand } from './commands/report.ts';
import { runCommand } from './commands/run.ts';
import { serveCommand } from './commands/server.ts';
import { scheduleCommands } from './commands/schedules.ts';
import { showCommand } from './commands/show.ts';
import { storeCommands } from './commands/store.ts';
import { Exit, EXIT } from './exits.ts';
import { Session } from './session.ts';
import type { GlobalOptions } from './settings.ts';
import { PipeClosedError } from './terminal.ts';

/** Runs a command line; answers the exit code. */
export async function execute(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  session = new Session(env),
): Promise<number> {
  let code: number = EXIT.ok;
  const program = build(session, (ended) => (code = ended));
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    return codeOf(session, error);
  }
}

export function build(session: Session, end: (code: number) => void): Command {
  const program = new Command('execd')
    .description('Runs commands on an execd server and shows their state.')
    .version(VERSION, '-V, --version', 'print the version')
    .option('--url <url>', 'the server (EXECD_URL; default: the current context, else http://127.0.0.1:8080)')
    .option('--api-key <key>', 'an API key or a token (EXECD_API_KEY)')
    .option('--user <user>', 'act for this user, with the scope admin (EXECD_USER)')
    .option('--context <name>', 'a context of `execd login` (EXECD_CONTEXT)')
    .enablePositionalOptions()
    .showHelpAfterError('(add --help for all options)')
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: false })
    .exitOverride()
    .configureOutput({ getOutHasColors: () => false, getErrHasColors: () => false });
  runCommand(program, session, end);
  executionCommands(program, session, end);
  showCommand(program, session);
  explainCommand(program, session);
  reportCommand(program, session);
  logCommands(program, session, end);
  fileCommands(program, session);
  planCommands(program, session, end);
  approvalCommands(program, session);
  scheduleCommands(program, session);
  eventCommands(program, session);
  adminCommands(program, session);
  serveCommand(program);
  mcpCommand(program, session);
  keysCommands(program, session, end);
  importCommand(program, session, end);
  storeCommands(program, end);
  loginCommands(program, session);
  doctorCommand(program, session, end);
  completionCommand(program, session);
  for (const command of allBelow(program)) {
    command.option('--json', 'print JSON').option('-q, --quiet', 'do not print notes').exitOverride();
    // They may stand before the command and behind it.
    for (const flags of ['--url <url>', '--api-key <key>', '--user <user>', '--context <name>'])
      if (!command.options.some(({ long }) => flags.startsWith(`${long} `)))
        command.addOption(new Option(flags).hideHelp());
    command.hook('preAction', (_this, action) => {
      session.options = action.optsWithGlobals();
      // A command may have a --user of its own, which is not the one to act for.
      if (action.options.some(({ long, hidden }) => long === '--user' && !hidden))
        session.options = { ...session.options, user: program.opts<GlobalOptions>().user ?? '' };
      session.terminal.isQuiet = session.options.quiet === true;
    });
  }
  return program;
}

function allBelow(command: Command): Command[] {
  return command.commands.flatMap((one) => (one.commands.length === 0 ? [one] : allBelow(one)));
}

async function codeOf(session: Session, error: unknown): Promise<number> {
  const { terminal } = session;
  // Commander has said it already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof PipeClosedError) return EXIT.brokenPipe;
  const cause = error instanceof Exit && error.cause !== undefined ? error.cause : error;
  if (session.isJson && cause instanceof ProblemError) await terminal.json(cause.problem);
  if ((error as Error).message !== '') await terminal.error(wordsOf(cause, error as Error));
  if (error instanceof Exit) return error.code;
  if (error instanceof ExecdError) return EXIT.failed;
  await terminal.err.write(`${(error as Error).stack ?? ''}\n`);
  return EXIT.failed;
}

/** What went wrong, and what to do. */
function wordsOf(cause: unknown, { message }: Error): string {
  if (cause instanceof ConnectionError)
    return `${message}\n       Is the server running? \`execd serve\` starts one here; EXECD_URL or --url names another.`;
  if (cause instanceof UnauthorizedError)
    return `${message}\n       \`execd login\` keeps a key; EXECD_API_KEY sets one.`;
  if (cause instanceof ForbiddenError) return `${message}\n       Use a key that may do this.`;
  return message;
}
