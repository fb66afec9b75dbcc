// The command line `execd`. bin/execd.js loads it, once it is sure of the version of Node.js.
import { execute } from './program.ts';

// Without a listener Node.js would open its debugger, to everybody on the machine.
process.on('SIGUSR1', () => undefined);
process.exit(await execute(process.argv.slice(2), process.env));
