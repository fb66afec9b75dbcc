// Builds the programs into dist/: each in one file or a few, with the packages that it uses. A server starts in half the time
// that it needs to find, read and link some nine hundred files.
import { rmSync } from 'node:fs';
import { type InputOptions, type Plugin, rolldown } from 'rolldown';

/** What serves files of its own, which it finds beside itself, and what that loads in any case. */
const external: string[] = [];

/** To name what these export, Node evaluates each of it, and loads all of fetch, and of WebCrypto, for that. */
const COSTLY = /^(node:)?(http|crypto)$/;
/** Takes them without their names: a tenth of a second at each start. */
const costly: Plugin = {
  name: 'costly modules of Node',
  resolveId: { filter: { id: COSTLY }, handler: (id) => `\0${id}` },
  load: {
    filter: { id: /^\0/ },
    handler: (id) =>
      COSTLY.test(id.slice(1)) ? `module.exports = process.getBuiltinModule('${id.slice(1)}');` : null,
  },
};
const node: InputOptions = { platform: 'node', external, plugins: [costly] };

/** What starts by itself, with its threads. What they share lies in bin/, where a thread is beside the file that starts it. */
const PROGRAMS = {
  'bin/server': 'src/bin/server.ts',
  'bin/keys': 'src/bin/keys.ts',
  'bin/import': 'src/bin/import.ts',
  'bin/transfer': 'src/bin/transfer.ts',
  'bin/writer': 'src/store/sqlite/writer.ts',
  'bin/condition-worker': 'src/expressions/condition-worker.ts',
  'cli/main': 'src/cli/main.ts',
};
/** Apart, so that it loads nothing that it does not need: a small process forks fast. */
const NODE_HOST = { 'runner-host/node/main': 'src/runner-host/node/main.ts' };

for (const dir of ['bin', 'cli', 'runner-host']) rmSync(`dist/${dir}`, { recursive: true, force: true });
for (const input of [PROGRAMS, NODE_HOST]) {
  const bundle = await rolldown({ ...node, input });
  await bundle.write({
    dir: 'dist',
    entryFileNames: '[name].js',
    chunkFileNames: 'bin/[name]-[hash].js',
    sourcemap: true,
    // Node reads, decodes and keeps all of it at each start. Names stay, so that traces can be read.
    minify: {
      compress: false,
      mangle: { toplevel: false, keepNames: true },
      codegen: { removeWhitespace: true },
    },
  });
  await bundle.close();
}
