// File systems that may not answer, such as a dead network mount. Whoever looks at a path there waits for as long as it is
// dead, and this host starts processes one after the other: for such a start, others look and wait (elsewhere.ts).
import { lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { candidatesOf, look } from './launch.ts';
import { interpreterOf, namedIn } from './program.ts';
import type { Start } from '../protocol.ts';

/** They answer, or this machine is broken. */
const LOCAL = new Set(
  'ext2 ext3 ext4 xfs btrfs f2fs zfs bcachefs jfs reiserfs nilfs2 erofs squashfs iso9660 vfat exfat ntfs3 overlay aufs tmpfs ramfs rootfs devtmpfs devpts proc sysfs cgroup cgroup2 mqueue hugetlbfs'.split(
    ' ',
  ),
);
/** As many links as the system follows. */
const MAX_LINKS = 40;
/** Of interpreters that are scripts themselves. */
const MAX_INTERPRETERS = 5;

/** The programs that a start looks for; of a script that is yet to be written, what its first line names. */
export function filesOf(start: Start): string[] {
  const { script } = start;
  if (start.program !== script?.path)
    return candidatesOf(start, start.cwd === '' ? start.privateDir : start.cwd);
  const interpreter = namedIn(Buffer.from(script.source.slice(0, 256)));
  return interpreter === null ? [] : [interpreter];
}

export class Mounts {
  #text = '';
  /** Mount points of file systems that may not answer, and those within them that do. */
  #isLocal = new Map<string, boolean>();

  /** Whether a start may wait for ever in this host. */
  mayHang(start: Start): boolean {
    this.#read();
    const { cwd } = start;
    if (cwd !== '' && !this.#answers(cwd)) return true;
    if (start.scriptFile !== '' && !this.#answers(start.scriptFile)) return true;
    for (const file of filesOf(start)) {
      if (!this.#answers(file)) return true;
      if (look(file) === 'executable') return this.#hasHangingInterpreter(file);
    }
    return false;
  }

  #hasHangingInterpreter(program: string): boolean {
    let file: string | null = program;
    for (let i = 0; i < MAX_INTERPRETERS; i++) {
      file = interpreterOf(file);
      if (file === null) return false;
      if (!this.#answers(file)) return true;
    }
    return false;
  }

  #read(): void {
    const text = readFileSync('/proc/self/mountinfo', 'latin1');
    if (text === this.#text) return;
    this.#text = text;
    this.#isLocal = new Map();
    for (const line of text.split('\n')) {
      const [facts = '', type = ''] = line.split(' - ');
      const point = facts.split(' ')[4]?.replace(/\\(\d{3})/g, (_, octal: string) => fromOctal(octal));
      if (point === undefined) continue;
      // Without its root nothing runs here at all.
      this.#isLocal.set(decoded(point), point === '/' || LOCAL.has(type.split(' ')[0] ?? ''));
    }
  }

  /** Whether each part of a path, through all of its links, is on a file system that answers. */
  #answers(path: string): boolean {
    const left = path.split('/').reverse();
    let at = '/';
    for (let links = 0; left.length > 0;) {
      const next = join(at, left.pop() ?? '');
      if (next === at) continue;
      if (!this.#isOnLocal(next)) return false;
      const target = targetOf(next);
      if (target === null) at = next;
      else if (target === 'missing' || (links += 1) > MAX_LINKS) return true;
      else {
        if (target.link.startsWith('/')) at = '/';
        left.push(...target.link.split('/').reverse());
      }
    }
    return true;
  }

  #isOnLocal(path: string): boolean {
    for (let above = path; above !== '/'; above = join(above, '..')) {
      const isLocal = this.#isLocal.get(above);
      if (isLocal !== undefined) return isLocal;
    }
    return true;
  }
}

const fromOctal = (octal: string) => String.fromCharCode(parseInt(octal, 8));
const decoded = (latin1: string) => Buffer.from(latin1, 'latin1').toString();

/** Where a link leads; null where it is none. */
function targetOf(path: string): { link: string } | 'missing' | null {
  try {
    return lstatSync(path).isSymbolicLink() ? { link: readlinkSync(path) } : null;
  } catch {
    return 'missing';
  }
}
