// Runs the commands of the documents as they stand there, and compares what they answer (test/helpers/console-blocks.ts).
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ERROR_CODES } from '../../src/domain/errors.ts';
import {
  missingIn,
  NPM_START,
  pattern,
  readersCheckout,
  SETTINGS,
  Shell,
  stepsOf,
  withFiles,
} from '../helpers/console-blocks.ts';
import { ofFile } from '../helpers/scope.ts';
import { server, type ServerProcess } from '../helpers/server-process.ts';

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };

interface Started {
  it: ServerProcess;
  dir: string;
}

/** By their settings: documents that need the same ones have one server. */
const servers = new Map<string, Promise<Started>>();

/** A server as a reader starts it: its data is in the checkout, by default. */
async function started(settings: Record<string, string>, text = ''): Promise<Started> {
  const by = JSON.stringify(settings);
  const made = servers.get(by);
  if (made === undefined) {
    const first = startIn(withFiles(readersCheckout(ofFile()), text), settings);
    servers.set(by, first);
    return first;
  }
  const { it, dir } = await made;
  withFiles(dir, text);
  // A document that shows other files for the same settings: as its reader does, after a change.
  if ('EXECUTION_OPERATIONS_FILE' in settings) await it.post('/v1/admin/reload', {});
  return { it, dir };
}

async function startIn(dir: string, settings: Record<string, string>): Promise<Started> {
  writeFileSync(join(dir, '.env'), 'EXECUTION_MAX_CONCURRENT=7\n');
  return { dir, it: await server(ofFile(), settings, { program: NPM_START, cwd: dir }) };
}

t.test('scripts and programs of a private directory are not part of the checkout around it', async (t) => {
  const { it } = await started({});
  const said = async (spec: object) => {
    const { result } = await it.finished((await it.submit(spec)).id);
    const { stdout, stderr } = result as { stdout: string; stderr: string };
    return stdout + stderr;
  };
  const script = (source: string, more = {}) =>
    said({ kind: 'script', interpreter: process.execPath, source, ...more });
  t.equal(await script("const { sep } = require('node:path'); console.log(sep)"), '/\n');
  t.equal(await script("import { sep } from 'node:path';\nconsole.log(sep);"), '/\n');
  t.equal(await script('const n: number = 6;\nconsole.log(n * 7);', { filename: 'main.ts' }), '42\n');
  t.equal(
    await script("import { sep } from 'node:path';\nconst s: string = sep; console.log(s)", {
      filename: 'a.mts',
    }),
    '/\n',
  );
  t.equal(
    await said({ kind: 'script', source: `#!${process.execPath}\nimport 'node:fs'; console.log(1)` }),
    '1\n',
  );
  t.equal((await it.get<{ concurrency: { max: number } }>('/v1/stats')).concurrency.max, 7, '.env is read');
  const command = `echo "console.log(require('node:path').sep)" > a.js && "${process.execPath}" a.js`;
  t.equal(await said({ kind: 'shell', command }), '/\n');
});

/** The first one counts hits of the cache. The last one makes a key, without which nobody is let in afterwards. */
const [FIRST, LAST] = ['docs/concepts/policies.md', 'docs/operate/api-keys.md'];
/** Needs a root directory, and runs what is hostile: test/long/untrusted.ts. */
const APART = 'docs/guides/untrusted-python.md';
const others = globSync('docs/**/*.md').filter((file) => ![FIRST, LAST, APART].includes(file));
const documents = [FIRST, 'README.md', ...others, LAST];
for (const file of documents) {
  const text = readFileSync(file, 'utf8');
  const steps = stepsOf(text);
  if (steps.length === 0) continue;
  t.test(`${file}: every command answers what stands there`, async (t) => {
    const missing = missingIn(steps);
    if (missing.length > 0) return void t.pass(`not run: apt-get install ${missing.join(' ')}`);
    const { it, dir } = await started(SETTINGS[file] ?? {}, text);
    const shell = new Shell(t, it.url, dir);
    for (const { command, expected } of steps) {
      const said = await shell.run(command);
      t.ok(pattern(expected).test(said), `${command}\nexpected: ${expected}\nanswered: ${said}`);
    }
  });
}

t.test('npm prints no wall of warnings about the versions of Node.js that packages ask for', async (t) => {
  const { stdout } = spawnSync('npm', ['config', 'get', 'loglevel'], { encoding: 'utf8' });
  t.equal(stdout.trim(), 'error');
});

/** The headings of a document, as links name them. */
function headingsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8').replaceAll(/```[^]*?```/g, '');
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

t.test('every file, script, setting and heading that the documents name is there', async (t) => {
  const settings = readFileSync('.env.example', 'utf8');
  const ofCommands = ['EXECUTION_ID', 'EXECUTION_ATTEMPT', 'EXECUTION_PROGRESS_FD'];
  const others: string[] = [...ofCommands, ...Object.values(ERROR_CODES)];
  for (const file of ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...globSync('docs/**/*.md')]) {
    const text = readFileSync(file, 'utf8');
    for (const [, name = ''] of text.matchAll(/`npm run ([a-z:-]+)`/g))
      t.ok(name in scripts, `${file}: npm run ${name}`);
    for (const [, path = ''] of text.matchAll(/`((?:src|test|docs|scripts|bench|k8s)\/[\w./-]+)`/g)) {
      t.ok(globSync(path).length > 0, `${file}: ${path}`);
    }
    for (const [, path = '', heading] of text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
      const target = path === '' ? file : join(file, '..', path);
      t.ok(existsSync(target), `${file}: ${path}`);
      if (heading !== undefined) t.ok(headingsOf(target).includes(heading), `${file}: ${path}#${heading}`);
    }
    for (const [name] of text.matchAll(/\bEXECUTION_[A-Z_]+[A-Z]\b/g)) {
      t.ok(others.includes(name) || settings.includes(`${name}=`), `${file}: ${name}`);
    }
  }
});
