// Keeps the private directories out of the package that the data directory may lie in, as `./data` of a checkout does: its
// `"type": "module"` would decide how Node.js reads the scripts of users, and npm would install into it.
import { existsSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The file in the directory of the private directories that ends the search for a package. */
export function boundaryFile(workDir: string): string {
  return join(workDir, 'package.json');
}

/** Makes the boundary where a directory above is a package. Elsewhere it would only mislead tools that look for one. */
export function setPackageBoundary(workDir: string): void {
  let dir = realpathSync(workDir);
  while (dir !== dirname(dir)) {
    dir = dirname(dir);
    if (!existsSync(join(dir, 'package.json'))) continue;
    writeFileSync(boundaryFile(workDir), '{}\n', { mode: 0o644 });
    return;
  }
}
