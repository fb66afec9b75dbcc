// The process: environment, signals, exit code. The only file of the server that touches `process`.
import type { Logger } from 'pino';
import type { App } from './app.ts';

// Exit codes of sysexits.h.
const EXIT_SOFTWARE = 70;
const EXIT_CONFIG = 78;
const OLDEST_NODE = 24;

async function main(): Promise<void> {
  if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
    return fail(EXIT_CONFIG, `execd needs Node.js ${OLDEST_NODE} or newer; this is ${process.version}.`);
  }
  // Loaded only now: an older Node cannot even load them.
  const [{ buildApp }, { ConfigError, loadConfig }, { pino }] = await Promise.all([
    import('./app.ts'),
    import('./config.ts'),
    import('pino'),
  ]);
  const openLog = (file: string | undefined) => {
    try {
      return pino.destination({ dest: file ?? 1, sync: true });
    } catch (error) {
      throw new ConfigError([`EXECUTION_LOG_FILE: ${(error as Error).message}`]);
    }
  };
  let app: App;
  let log: Logger;
  try {
    const config = loadConfig(process.env);
    const destination = openLog(config.EXECUTION_LOG_FILE);
    // A log that nobody takes any more must not end the service.
    destination.on('error', () => undefined);
    const options = {
      level: config.EXECUTION_LOG_LEVEL,
      redact: REDACTED,
      serializers: { err: serializeError },
    };
    log = pino(options, destination);
    process.on('uncaughtException', (error) => {
      log.fatal({ err: error }, 'A fault in the program');
      process.exit(EXIT_SOFTWARE);
    });
    app = await buildApp(config, log, {
      execPath: process.execPath,
      pid: process.pid,
      uid: process.getuid?.(),
      env: process.env,
    });
    await app.start();
  } catch (error) {
    return fail(error instanceof ConfigError ? EXIT_CONFIG : EXIT_SOFTWARE, (error as Error).message);
  }
  stopOnSignals(app, log);
}

const REDACTED = ['req.headers.authorization', 'headers.authorization', 'env', 'spec.env', 'spec.stdin'];

/** Names what went wrong, without the values that an error may carry along. */
function serializeError(error: Error & { code?: unknown }): object {
  const { name, message, stack, code, cause } = error;
  return { name, message, code, stack, cause: cause instanceof Error ? serializeError(cause) : undefined };
}

/** The first signal drains; the second ends at once, and the next start makes good what that interrupts. */
function stopOnSignals(app: App, log: Logger): void {
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) {
        log.warn({ signal }, 'Ended at once by a second signal; what still runs is killed, and lost');
        process.exit(128 + (signal === 'SIGINT' ? 2 : 15));
      }
      isStopping = true;
      log.info({ signal }, 'Stopping when what runs has ended; a second signal ends it at once');
      app.stop().then(
        () => process.exit(0),
        (error: unknown) => fail(EXIT_SOFTWARE, String(error)),
      );
    });
  }
  process.on('SIGHUP', () => app.reload());
}

function fail(code: number, message: string): void {
  console.error(`execd: ${message}`);
  process.exit(code);
}

await main();
