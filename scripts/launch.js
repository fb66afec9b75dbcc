// Loaded before a program of src/, which Node.js runs as it is: it strips the types. This file is plain JavaScript, so that
// an older Node.js can read it and print what is missing.
import { existsSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = 24;
const EXIT_CONFIG = 78;
/** Compiled code of earlier starts; it needs no care, and is gone with the packages. */
const CACHE = new URL('../node_modules/.cache/execd', import.meta.url);

// Without a listener Node.js would open its debugger, to everybody on the machine.
process.on('SIGUSR1', () => undefined);
if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
  console.error(
    `execd: execd needs Node.js ${OLDEST_NODE} or newer; this is ${process.version}. npm ci brings one along for x64 and arm64.`,
  );
  process.exit(EXIT_CONFIG);
}
if (existsSync('.env')) process.loadEnvFile('.env');
module.enableCompileCache(fileURLToPath(CACHE));
