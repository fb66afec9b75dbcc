// Runs many test files in one process. A warning of Node (a leaked listener, something deprecated) is a failure; so is a
// process that does not end by itself, because something was left running.
import t from 'tap';
import { pathToFileURL } from 'node:url';

const LEAK_MS = 10_000;

// Each wait in a test has its own limit, and the run as a whole has one.
t.setTimeout(0);
process.on('warning', (warning) => {
  t.fail(`Node warned: ${warning.stack ?? warning.message}`);
});
for (const file of process.argv.slice(2)) await import(pathToFileURL(file).href);
t.teardown(() => {
  setTimeout(() => {
    const left = process.getActiveResourcesInfo().join(', ');
    console.error(`the process does not end: ${left}`);
    process.exit(1);
  }, LEAK_MS).unref();
});
