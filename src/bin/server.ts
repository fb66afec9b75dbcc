// The process: environment, signals, exit code. The only file of the server that touches `process`.
import { totalmem, userInfo } from 'node:os';
import { resolve } from 'node:path';
import { isatty } from 'node:tty';
import type { Logger, pino as Pino } from 'pino';
import type { App } from '../app/build-app.ts';
import { createClock } from '../app/clock.ts';
import type { Config } from '../config/load.ts';
import { humanLine, type StartFacts, startLines } from '../observe/human-log.ts';
import { LogOutput } from '../observe/log-output.ts';
import { serviceLogOptions } from '../observe/service-log.ts';
import { VERSION } from '../app/version.ts';

// Exit codes of sysexits.h.
const EXIT_SOFTWARE = 70;
const EXIT_CONFIG = 78;
const EXIT_TEMPFAIL = 75;
const OLDEST_NODE = 24;
const STDOUT = 1;

/** Where the server's log goes, and whether people read standard output. */
interface Console {
  log: Logger;
  output: LogOutput;
  isTerminal: boolean;
}

async function main(): Promise<void> {
  // Without a listener Node.js would open its debugger, to everybody on the machine.
  let onDebugSignal: () => void = () => undefined;
  process.on('SIGUSR1', () => onDebugSignal());
  if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
    return fail(EXIT_CONFIG, `execd needs Node.js ${OLDEST_NODE} or newer; this is ${process.version}.`);
  }
  if (isatty(STDOUT)) process.stdout.write(`execd ${VERSION} is starting …\n`);
  // Loaded only now: an older Node cannot even load them.
  const [{ buildApp }, { ConfigError, loadConfig }, { pino }, { startedOpenFiles }] = await Promise.all([
    import('../app/build-app.ts'),
    import('../config/load.ts'),
    import('pino'),
    import('../runners/commands/open-files.ts'),
  ]);
  let app: App;
  let terminal: Console;
  try {
    const config = loadConfig(process.env);
    try {
      terminal = openConsole(config, pino);
    } catch (error) {
      throw new ConfigError([`EXECUTION_LOG_FILE: ${(error as Error).message}`]);
    }
    const { log, output, isTerminal } = terminal;
    onDebugSignal = () => log.info({}, 'SIGUSR1 is ignored: execd opens no debugger');
    process.on('uncaughtException', (error) => {
      log.fatal({ err: error }, 'execd stops because of an internal error');
      void leave(EXIT_SOFTWARE, output);
    });
    app = await buildApp(config, log, {
      execPath: process.execPath,
      pid: process.pid,
      uid: process.getuid?.(),
      user: userName(),
      openFiles: startedOpenFiles(process.ppid),
      env: process.env,
      droppedLogLines: () => output.dropped,
      memoryRatio,
    });
    const address = await app.start();
    if (isTerminal) process.stdout.write(startLines(factsOf(config, app, address)));
  } catch (error) {
    return fail(error instanceof ConfigError ? EXIT_CONFIG : EXIT_SOFTWARE, (error as Error).message);
  }
  handleSignals(app, terminal);
}

/** Without a limit of its own, a process is told more than the machine has. */
function memoryRatio(): number {
  return process.memoryUsage.rss() / Math.min(process.constrainedMemory() || Infinity, totalmem());
}

/** Of the user that it runs as: in a container it may have none but its number. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.());
  }
}

/** Opens the log: JSON lines, but lines for people on a terminal. Throws Error when its file cannot be opened. */
function openConsole(config: Config, pino: typeof Pino): Console {
  const isTerminal = isatty(STDOUT);
  const { EXECUTION_LOG_FILE: file, EXECUTION_LOG_LEVEL: level } = config;
  const output = new LogOutput({
    clock: createClock(),
    to: file ?? STDOUT,
    onDropped: (lines) =>
      log.warn({ lines }, `The log was not read for a while: execd dropped ${lines} lines`),
  });
  const hasColors = isTerminal && process.stdout.hasColors();
  const forPeople = { write: (line: string) => output.write(humanLine(line, hasColors)) };
  const log = pino(serviceLogOptions(level), isTerminal && file === undefined ? forPeople : output);
  return { log, output, isTerminal };
}

function factsOf(config: Config, app: App, address: string): StartFacts {
  return {
    version: VERSION,
    address,
    metricsAddress: app.metricsAddress(),
    dataDir: resolve(config.EXECUTION_DATA_DIR),
    needsKey: app.needsKey(),
    isRoot: process.getuid?.() === 0,
    drainS: config.EXECUTION_DRAIN_SECS,
  };
}

/** The first signal drains; the second ends at once, and the next start makes good what that interrupts. */
function handleSignals(app: App, { log, output }: Console): void {
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) {
        log.warn(
          { signal },
          'Stopping at once after a second signal; running attempts are killed and marked lost',
        );
        return void app.stopNoted().then(() => leave(128 + (signal === 'SIGINT' ? 2 : 15), output));
      }
      isStopping = true;
      log.info({ signal }, 'Stopping after running attempts have ended; a second signal stops execd at once');
      app.stop().then(
        () => leave(0, output),
        (error: unknown) => fail(EXIT_SOFTWARE, String(error)),
      );
    });
  }
  void app.gone.then(async () => {
    if (isStopping) return;
    isStopping = true;
    log.error({}, 'execd ends, because other servers may have taken over its executions. Start it again');
    await app.stop().catch((error: unknown) => log.error({ err: error }, 'Cannot stop in order'));
    await leave(EXIT_TEMPFAIL, output);
  });
  process.on('SIGHUP', () => {
    try {
      output.reopen();
    } catch (error) {
      log.error({ err: error }, 'Cannot reopen the log file; execd continues with the open one');
    }
    app.reload();
  });
}

async function leave(code: number, output: LogOutput): Promise<void> {
  process.exitCode = code;
  const isWritten = await output.flush();
  // A write that never comes back would hold up the end of the process, too.
  if (!isWritten) process.kill(process.pid, 'SIGKILL');
  process.exit(code);
}

function fail(code: number, message: string): void {
  console.error(`execd: ${message}`);
  process.exit(code);
}

await main();
