// What isolation tiers need, and the check that each of them must pass before it is offered: a command that looks for itself
// whether it is kept from what it must be kept from.
import { chmodSync, lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { IsolationTier } from '../../domain/isolation.ts';
import { NO_LIMITS } from '../../domain/limits.ts';
import type { AttemptReport, AttemptStart } from '../../domain/ports/runner.ts';

/** What a host is told for its tiers. */
export interface IsolationMeans {
  /** The users that commands run as, one each. */
  uids: { first: number; count: number } | null;
  /** The program that makes sandboxes. */
  bwrap: string | null;
  /** Places that commands in a sandbox do not see, as they are now. */
  hidden: () => readonly string[];
  /** Files that no command with a user of its own may read, as they are now. */
  secretFiles: () => readonly string[];
  /** Of the server; it holds the private directories, too. */
  dataDir: string;
}

const CHECK_MS = 10_000;
const WORK = 'work';

/**
 * Lets other users get to their private directories, which are in the data directory, and to nothing else in it.
 *
 * @param workDir holds the private directories
 */
export function letPass(dataDir: string, workDir: string): void {
  for (const name of readdirSync(dataDir)) {
    const path = join(dataDir, name);
    const stat = lstatSync(path);
    if (name !== WORK && !stat.isSymbolicLink()) chmodSync(path, stat.mode & 0o7770);
  }
  // The names of what is in them are not told.
  for (const dir of [workDir, dirname(workDir), dataDir]) chmodSync(dir, 0o711);
}

// Each line says what is wrong, and is the answer of the check when it is so. The arguments are what must not be reached.
const SUPERVISED = `
say() { echo "$1"; exit 1; }
grep -q '^NoNewPrivs:[[:space:]]*1' /proc/self/status || say 'it may gain privileges'
: > written || say 'it cannot write into its private directory'
`;
const UID = `
id=$(id -u)
[ "$id" -ge "$FIRST" ] && [ "$id" -le "$LAST" ] || say "it runs as the user $id"
[ "$(id -G)" = "$id" ] || say "it is in the groups $(id -G)"
[ ! -r "/proc/$SERVER/environ" ] || say 'it can read the environment of the server'
[ ! -r "$DATA" ] || say 'it can list the data directory'
for path; do
  [ ! -r "$path" ] && [ ! -w "$path" ] || say "it can reach $path"
done
`;
const SANDBOX = `
for name in pid ipc uts net; do
  space=$(readlink "/proc/self/ns/$name") || say 'it has no /proc'
  case " $SPACES " in *" $space "*) say "it shares the $name namespace of the server" ;; esac
done
[ "$(id -u)" != 0 ] || say 'it runs as root'
[ ! -w / ] || say 'it can write to the root directory'
[ ! -w /proc/sys/kernel/core_pattern ] || say 'it can set what the kernel runs'
for one; do
  path=\${one#*=}
  [ ! -e "$path" ] || {
    [ "$one" != "=$path" ] && [ "$(stat -L -c %d:%i -- "$path" 2> /dev/null)" != "\${one%%=*}" ]
  } || say "it can see $path"
done
`;
const SCRIPTS = {
  none: '',
  supervised: SUPERVISED,
  uid: SUPERVISED + UID,
  sandbox: SUPERVISED + SANDBOX,
} as const satisfies Record<IsolationTier, string>;

/** What a check at a tier must not reach, as its arguments. */
function guarded(tier: IsolationTier, means: IsolationMeans, hidden: readonly string[]): string[] {
  const stored = readdirSync(means.dataDir)
    .filter((name) => name !== WORK)
    .map((name) => join(means.dataDir, name));
  if (tier === 'uid') return [...stored, ...means.secretFiles()];
  if (tier !== 'sandbox') return [];
  // With what they are outside: within, something else may stand in their place.
  const places = hidden.map((path) => `${identityOf(path)}=${path}`);
  return [...stored.map((path) => `=${path}`), ...places.filter((one) => !one.startsWith('='))];
}

/** Device and inode; empty where there is nothing. */
function identityOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.dev}:${stat.ino}`;
}

export interface TierCheck {
  tier: IsolationTier;
  privateDir: string;
  means: IsolationMeans;
  /** What is hidden from it, if it is in a sandbox. */
  hidden: readonly string[];
}

/** The attempt that checks a tier. It can say what does not work, but not that it works: that it ends well says so. */
export function tierCheck({ tier, privateDir, means, hidden }: TierCheck): AttemptStart {
  const { dataDir, uids } = means;
  const env = {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    DATA: dataDir,
    SERVER: readlinkSync('/proc/self'),
    FIRST: uids?.first ?? 0,
    LAST: uids === null ? 0 : uids.first + uids.count - 1,
    SPACES: ['pid', 'ipc', 'uts', 'net'].map((name) => readlinkSync(`/proc/self/ns/${name}`)).join(' '),
  };
  return {
    ...{
      runId: `check-${tier}`,
      attempt: 0,
      userId: '',
      isolation: tier,
      network: false,
      limits: NO_LIMITS,
    },
    command: {
      program: '/bin/sh',
      programField: 'program',
      args: ['-c', SCRIPTS[tier], 'sh', ...guarded(tier, means, hidden)],
      env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      ...{
        cwd: null,
        privateDir,
        script: null,
        scriptFile: null,
        stdin: null,
        tty: null,
        scalars: {},
        root: null,
      },
    },
    ...{ keepBytes: 0, failOnLimit: false, attemptMs: CHECK_MS, idleMs: null, redact: [] },
    stop: { signal: 'SIGTERM', graceMs: 0, scope: 'all' },
  };
}

/** What an ended check has found; null when the tier works. */
export function whyFailed(report: AttemptReport): string | null {
  if (report.type === 'interrupted') return 'the runner host ended during the check';
  const { outcome, tails } = report;
  if (outcome.cause === 'exited' && outcome.exitCode === 0) return null;
  if (outcome.cause === 'spawn_failed') return outcome.message;
  return (tails.stdout + tails.stderr).trim() || `the check ended with "${outcome.cause}"`;
}
