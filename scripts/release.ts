// Prepares a release: checks that all is committed, sets the version in every place, builds the package, its bill of materials
// and their checksums in release/, and prints what is left to do. It publishes nothing and commits nothing.
//
//   npm run release -- 0.2.0
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';

const OUT = 'release';
const VERSION = /^\d+\.\d+\.\d+$/;
const USAGE = `Usage: npm run release -- VERSION

Sets VERSION (such as 0.2.0) in every place and builds the package, its bill of materials, the notes of CHANGELOG.md and
their checksums in ${OUT}/. It changes files, and commits and publishes nothing.`;

/** The changelog with the notes of what is not released under the new version; throws Error when there are none. */
export function released(changelog: string, version: string): string {
  if (changelog.includes(`\n## ${version}\n`)) return changelog;
  if (!/\n## Unreleased\n[\s\S]*?\n- /.test(changelog))
    throw new Error('CHANGELOG.md has no notes under "## Unreleased"; write them first.');
  return changelog.replace('\n## Unreleased\n', `\n## ${version}\n`);
}

/** The notes of one version. */
export function notesOf(changelog: string, version: string): string {
  const [, rest = ''] = changelog.split(`\n## ${version}\n`);
  return `${(rest.split('\n## ')[0] ?? '').trim()}\n`;
}

const rewrite = (path: string, change: (text: string) => string): void =>
  writeFileSync(path, change(readFileSync(path, 'utf8')));

async function release(version: string): Promise<void> {
  const { stdout: changed } = await execa('git', ['status', '--porcelain']);
  if (changed !== '') throw new Error(`Commit or remove these files first:\n${changed}`);
  rewrite('CHANGELOG.md', (text) => released(text, version));
  rewrite('src/app/version.ts', (text) => text.replace(/VERSION = '[^']+'/, `VERSION = '${version}'`));
  for (const file of globSync('k8s/overlays/**/kustomization.yaml'))
    rewrite(file, (text) => text.replace(/newTag: \S+/, `newTag: ${version}`));
  for (const file of globSync('test/fixtures/kubernetes/rendered/*.yaml'))
    rewrite(file, (text) => text.replace(/image: execd:\S+/, `image: execd:${version}`));
  await execa('npm', ['version', version, '--no-git-tag-version', '--allow-same-version']);
  const inherit = { stdio: 'inherit' } as const;
  await execa('npm', ['run', 'generate'], inherit);
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT);
  // Builds by its own script.
  await execa('npm', ['pack', '--pack-destination', OUT], inherit);
  await execa('npm', ['run', '--silent', 'sbom'], {
    stdout: { file: join(OUT, `execd-${version}.cdx.json`) },
  });
  writeFileSync(join(OUT, 'NOTES.md'), notesOf(readFileSync('CHANGELOG.md', 'utf8'), version));
  writeFileSync(join(OUT, 'SHA256SUMS'), sumsOf(OUT));
  console.log(`
${OUT}/ has the package, its bill of materials, the notes and the checksums. What is left:
  npm test
  git commit --all --message "Release ${version}" && git tag --sign v${version} --file ${OUT}/NOTES.md
  npm publish ${OUT}/execd-${version}.tgz --provenance     # in CI, where the provenance can be signed
  docker build --build-arg VERSION=${version} --build-arg REVISION=$(git rev-parse HEAD) --build-arg CREATED=$(date -u +%FT%TZ) --build-arg SOURCE=ADDRESS --build-arg DOCUMENTATION=ADDRESS --tag execd:${version} .`);
}

function sumsOf(dir: string): string {
  const sum = (name: string) =>
    createHash('sha256')
      .update(readFileSync(join(dir, name)))
      .digest('hex');
  return readdirSync(dir)
    .sort()
    .map((name) => `${sum(name)}  ${name}\n`)
    .join('');
}

if (import.meta.main) {
  const [version = ''] = process.argv.slice(2);
  try {
    if (version === '--help' || version === '-h') console.log(USAGE);
    else if (!VERSION.test(version)) throw new Error(`"${version}" must be a version such as 0.2.0.`);
    else await release(version);
  } catch (error) {
    console.error(`release: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
