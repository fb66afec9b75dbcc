#!/usr/bin/env node
// The command `execd`. Plain JavaScript that an old Node.js can read: it finds a Node.js that is new enough, and loads the program.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

// Without a listener Node.js would open its debugger, to everybody on the machine.
process.on('SIGUSR1', () => undefined);
const OLDEST_NODE = 24;
const EXIT_CONFIG = 78;
const isNewEnough = Number(process.versions.node.split('.')[0]) >= OLDEST_NODE;

/** The Node.js that npm has installed with the package; null where there is none. */
function bundledNode() {
  try {
    return createRequire(import.meta.url).resolve(`node-linux-${process.arch}/bin/node`);
  } catch {
    return null;
  }
}

/** Runs the same with another Node.js, and ends as that does. */
function runWith(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both; what is sent to this process alone is handed on.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`execd: cannot run ${node}: ${error.message}`);
    process.exit(EXIT_CONFIG);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

/** Loads a program: in a checkout its source as it is, else what was built of it. */
function load(program) {
  const source = new URL(`../src/${program}.ts`, import.meta.url);
  return import(existsSync(source) ? source.href : new URL(`../dist/${program}.js`, import.meta.url).href);
}

/** Compiled code of earlier starts: in a checkout with its packages, else where Node.js keeps it. */
function enableCache() {
  const packages = new URL('../node_modules', import.meta.url);
  module.enableCompileCache(
    existsSync(packages) ? fileURLToPath(`${packages.href}/.cache/execd`) : undefined,
  );
}

const [command, ...flags] = process.argv.slice(2);
if (isNewEnough) {
  enableCache();
  if (command === 'serve' && flags.length === 0) {
    // Without flags there is nothing that the command line could do for it.
    if (existsSync('.env')) process.loadEnvFile('.env');
    await load('bin/server');
  } else await load('cli/main');
} else {
  const node = bundledNode();
  if (node === null) {
    console.error(
      `execd: execd needs Node.js ${OLDEST_NODE} or newer; this is ${process.version}. On Linux, x64 and arm64, npm installs one along.`,
    );
    process.exit(EXIT_CONFIG);
  }
  runWith(node);
}
