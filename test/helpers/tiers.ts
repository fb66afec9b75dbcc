// Which isolation tiers can be tried on this machine, and how a host is told of them.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { NO_TIER, type TierUnderTest } from './host-contract.ts';
import type { Lifetime } from './scope.ts';
import { tempDir } from './temp.ts';

export const BWRAP = '/usr/bin/bwrap';

const isRoot = process.getuid?.() === 0;

/** Null where this machine can give the tier; else why it cannot. */
export function whyNot(tier: string): string | null {
  if (!existsSync('build/runner-host')) return 'the native host was not built here: there is no compiler';
  if (tier.includes('uid') && !isRoot) return 'only root can run commands as other users';
  if (!tier.startsWith('sandbox')) return null;
  const args = ['--unshare-all', '--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', 'true'];
  const { status, error, stderr } = spawnSync(BWRAP, args);
  return status === 0 ? null : `bubblewrap does not work here: ${error?.message ?? stderr.toString()}`;
}

/** A directory that others may pass through. */
function passableDir(t: Lifetime): string {
  const dir = tempDir(t);
  chmodSync(dir, 0o711);
  return dir;
}

/** Not in /tmp, which is another one in a sandbox. */
export function dirOutsideTmp(t: Lifetime): string {
  const dir = mkdtempSync(join(isRoot ? '/var/lib' : homedir(), '.execd-test-'));
  chmodSync(dir, 0o711);
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const uids = { uidCount: 80 };

/** By their names; "sandbox, uid" is a sandbox whose commands have a user of their own, too. */
export const TIERS_UNDER_TEST = {
  none: NO_TIER,
  supervised: { ...NO_TIER, isolation: 'supervised' },
  uid: { ...NO_TIER, ...uids, isolation: 'uid', makeDir: passableDir },
  sandbox: { ...NO_TIER, isolation: 'sandbox', bwrap: BWRAP, makeDir: dirOutsideTmp },
  'sandbox, uid': { ...NO_TIER, ...uids, isolation: 'sandbox', bwrap: BWRAP, makeDir: dirOutsideTmp },
} as const satisfies Record<string, TierUnderTest>;
