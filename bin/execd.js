#!/usr/bin/env node
// The command `execd`. Plain JavaScript that an old Node.js can read: it finds a Node.js that is new enough, and loads the program.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

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

if (isNewEnough) {
  module.enableCompileCache();
  // In a checkout the sources run as they are.
  const source = new URL('../src/cli/main.ts', import.meta.url);
  await import(existsSync(source) ? source.href : new URL('../dist/cli/main.js', import.meta.url).href);
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
