// Files from this machine and to it: `upload`, `artifacts`, `download`, and `run` with files.
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { sharedService } from '../helpers/build.ts';
import { cliAt } from '../helpers/cli.ts';
import { runHere } from '../helpers/cli-here.ts';
import { httpServer } from '../helpers/http-world.ts';
import { tempDir } from '../helpers/temp.ts';

async function world(t: Test, url?: string) {
  const { env } = cliAt(t, url ?? (await sharedService(t)).url);
  const dir = tempDir(t);
  const at = (name: string) => join(dir, name);
  return { dir, at, run: (...argv: string[]) => runHere(argv, env) };
}

t.test('a run takes files along and brings its artifacts back', async (t) => {
  const { dir, at, run } = await world(t);
  writeFileSync(at('build.sh'), '#!/bin/sh\nmkdir out; wc -c <big >out/size; cp small "out/a b"; exit 3\n', {
    mode: 0o755,
  });
  writeFileSync(at('small'), 'few\n');
  writeFileSync(at('big'), Buffer.alloc(100_000, 'x'));
  const files = ['build.sh', 'small', `big`].flatMap((name) => ['--file', at(name)]);
  const argv = ['run', ...files, '--artifact', 'out/**', '--download', at('got'), '--', './build.sh'];
  const first = await run(...argv);
  t.match(first, { code: 3, err: /wrote .*got\/out\/a b\n.*got\/out\/size/ }, 'also after a failure');
  t.equal(readFileSync(at('got/out/size'), 'utf8').trim(), '100000');
  t.equal(readFileSync(at('got/out/a b'), 'utf8'), 'few\n');
  t.match(await run(...argv), { code: 1, err: /a b exists. --force replaces it/ });
  t.match(await run(...argv.toSpliced(1, 0, '--force')), { code: 3 });
  t.same(readdirSync(at('got/out')), ['a b', 'size'], 'nothing else is left there');
  t.match(await run('run', '--file', `${at('small')}:in/one`, '--', 'cat', 'in/one'), {
    code: 0,
    out: 'few\n',
  });
  const dry = await run('run', '--dry-run', '--file', at('big'), '--', 'cat', 'big');
  t.match(dry, { code: 0, out: /It would be accepted/ });
  for (const [wrong, message] of [
    [['--file', at('none')], /Cannot read .*none.* Write --file LOCAL, or LOCAL:PATH/],
    [['--file', dir], /is a directory/],
    [['--file', ':x'], /lacks a name/],
    [['--download', dir], /--download needs --artifact/],
    [['-d', '--artifact', 'x', '--download', dir], /--download waits for the end/],
    [['--force'], /--force is for --download/],
  ] as const)
    t.match(await run('run', ...wrong, '--', 'true'), { code: 64, err: message });
});

t.test('a file is sent by itself; artifacts are listed, written and printed', async (t) => {
  const { at, run } = await world(t);
  writeFileSync(at('data'), 'a,b\n');
  const id = (await run('upload', at('data'))).out.trim();
  t.match(JSON.parse((await run('upload', at('data'), '--json')).out), { size: 4, complete: true });
  writeFileSync(
    at('spec'),
    JSON.stringify({
      ...{ kind: 'shell', command: 'cp data x.csv; mkdir d; : >d/none' },
      ...{ files: [{ path: 'data', upload: id }], artifacts: ['x.csv', 'd'] },
    }),
  );
  t.match(await run('run', '--spec', at('spec')), { code: 0 });
  t.match((await run('artifacts')).out, /^ *SIZE .*PATH\n.*0 B .* d\/none\n.*4 B .*text\/csv .* x\.csv\n$/);
  t.match(JSON.parse((await run('artifacts', '@last', '--json')).out), [
    { path: 'd/none', size: 0 },
    { path: 'x.csv' },
  ]);
  t.match(await run('download', '-o', '-', '@last', 'x.csv'), { code: 0, out: 'a,b\n' });
  t.match(await run('download', '--all', '-o', at('all'), '@last'), {
    code: 0,
    out: `${at('all')}/d/none\n${at('all')}/x.csv\n`,
  });
  t.equal(readFileSync(at('all/x.csv'), 'utf8'), 'a,b\n');
  t.match(await run('download', '@last', 'y', '-o', at('all')), {
    code: 1,
    err: /no artifact "y". It has:\n {2}d\/none\n {2}x.csv/,
  });
  t.match(await run('download', '@last'), { code: 64, err: /or --all/ });
  t.match(await run('download', '@last', '--all', '-o', '-'), { code: 64 });
});

t.test('an artifact is written nowhere but below the directory, and only whole', async (t) => {
  const digest = 'a'.repeat(64);
  let paths: string[] = [];
  const url = await httpServer(t, (request, response) => {
    if (!request.url?.endsWith('/artifacts'))
      return response.writeHead(200, { etag: `"${digest}"` }).end('changed');
    const items = paths.map((path) => ({ path, size: 7, digest, media_type: 'text/plain' }));
    return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ items }));
  });
  const { dir, at, run } = await world(t, url);
  const id = '01a1fc37-169a-7000-b5d6-b0eaa1bf6012';
  mkdirSync(at('out'));
  const download = (path: string, ...more: string[]) => {
    paths = ['fine', path];
    return run('download', '--all', '-o', at('out'), ...more, id);
  };
  for (const path of ['../x', '/etc/x', 'a/../../x', 'a//x', './x', 'a\\x', 'nul\0', '..'])
    t.match(await download(path, '--force'), { code: 1, err: /its path leads out of/ }, path);
  t.same(readdirSync(at('out')), [], 'nothing is written then, not even what is fine');
  symlinkSync(dir, at('out/link'));
  paths = ['link/x'];
  t.match(await run('download', '--all', '-o', at('out'), '--force', id), { code: 1, err: /link is a link/ });
  t.notOk(existsSync(at('x')));
  paths = ['one'];
  t.match(await run('download', '--all', '-o', at('out'), id), { code: 1, err: /SHA-256 digest/ });
  t.same(readdirSync(at('out')), ['link'], 'bytes that are not what they should be are not kept');
});
