// Runs test files one after the other in one process: a process for each file costs more than most files. The parent
// sends the name of a file, the worker sends back what the file cost, and it ends when the parent closes the channel.
// A warning of Node (a leaked listener, a deprecated call) is a failure. A process that does not end by itself is a
// failure, too: a test left something running.
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { nextFile } from '../helpers/scope.ts';
import { measure } from './cost.ts';
import { type FileEnded, NO_MORE } from './messages.ts';
import { BETWEEN_FILES, END_OF_FILE } from './tap-lines.ts';

/** How long the process may take to end by itself. Generous: on a loaded machine the last sockets need seconds. */
const LEAK_MS = 60_000;

// Each wait in a test has its own limit, and the parent has one for each file.
t.setTimeout(0);
process.on('warning', (warning) => {
  t.fail(`Node warned: ${warning.stack ?? warning.message}`);
});

async function runFile(file: string): Promise<void> {
  const cost = measure();
  await nextFile();
  try {
    await import(pathToFileURL(file).href);
  } catch (error) {
    t.fail(`${file} cannot be loaded: ${error instanceof Error ? error.stack : String(error)}`);
  }
  // Tests of one process run in their order: when this one runs, those of the file have ended.
  await t.test(END_OF_FILE, async (t) => {
    await nextFile();
    t.pass();
  });
  // A parser of TAP takes a test as whole when the next one has come.
  t.pass(BETWEEN_FILES);
  process.send?.({ file, cost: cost() } satisfies FileEnded);
}

// tap sees to it that the channel alone does not keep the process alive; this does, while the parent may have more files.
const alive = setInterval(() => undefined, 2 ** 30);
process.on('message', (file: string) => {
  if (file === NO_MORE) finish();
  else void runFile(file);
});
// Without its parent it has nobody to tell.
process.once('disconnect', () => process.exit(1));

function finish(): void {
  clearInterval(alive);
  process.removeAllListeners('message');
  t.teardown(() => {
    setTimeout(() => {
      console.error(`the process does not end: ${process.getActiveResourcesInfo().join(', ')}`);
      process.exit(1);
    }, LEAK_MS).unref();
  });
}
