// The bill of materials of what is shipped, in CycloneDX, to standard output: npm run --silent sbom [-- --omit optional]
//
// npm leaves out packages that something of development needs, too. So it is given a lock file without development.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';

interface Lock {
  packages: Record<
    string,
    { dev?: boolean; optional?: boolean; devDependencies?: object; optionalDependencies?: object }
  >;
}

const isOmitted = process.argv.slice(2).join(' ').includes('optional');
const dir = mkdtempSync(join(tmpdir(), 'execd-sbom-'));
try {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lock;
  const isShipped = ({ dev, optional }: Lock['packages'][string]) =>
    dev !== true && !(isOmitted && optional === true);
  lock.packages = Object.fromEntries(Object.entries(lock.packages).filter(([, one]) => isShipped(one)));
  delete lock.packages['']?.devDependencies;
  const { devDependencies: _dev, ...rest } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<
    string,
    unknown
  >;
  if (isOmitted) {
    delete rest.optionalDependencies;
    delete lock.packages['']?.optionalDependencies;
  }
  writeFileSync(join(dir, 'package.json'), JSON.stringify(rest));
  writeFileSync(join(dir, 'package-lock.json'), JSON.stringify(lock));
  const format = ['--sbom-format', 'cyclonedx', '--sbom-type', 'application'];
  const made = spawnSync('npm', ['sbom', '--package-lock-only', ...format], {
    cwd: dir,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  process.exitCode = made.status ?? 1;
} finally {
  rmSync(dir, { recursive: true });
}
