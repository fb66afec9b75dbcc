// What a file is that could not be executed, for whoever has to mend it, in the words of native/program.c.
import { accessSync, closeSync, constants, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { machine } from 'node:os';

const HEAD_BYTES = 4096;
const ELF = Buffer.from('\x7fELF', 'latin1');
const BYTE_ORDER_MARKS = ['efbbbf', 'fffe', 'feff'].map((hex) => Buffer.from(hex, 'hex'));
const PT_INTERP = 3;

/** The first bytes of a file; none where it cannot be read. */
function readHead(file: string): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  let fd;
  try {
    if (!statSync(file).isFile()) return head.subarray(0, 0);
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    return head.subarray(0, readSync(fd, head));
  } catch {
    return head.subarray(0, 0);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

const beginsWith = (head: Buffer, start: Buffer) => head.subarray(0, start.length).equals(start);
const hasByteOrderMark = (head: Buffer) => BYTE_ORDER_MARKS.some((mark) => beginsWith(head, mark));

/** Whether the first bytes of a file are a byte order mark. */
export const beginsWithMark = (file: string): boolean => hasByteOrderMark(readHead(file));

/**
 * Whether the system can have something to do with a file: what it does not know, libuv gives to the shell (execvp(3)), and
 * that must not be a binary.
 */
export function isForShell(file: string): boolean {
  const head = readHead(file);
  if (beginsWith(head, ELF)) return elfOf(head)?.machine === machine() || hasOtherFormats();
  if (hasByteOrderMark(head)) return false;
  const end = head.indexOf('\n');
  return !head.subarray(0, end < 0 ? head.length : end).includes(0) || hasOtherFormats();
}

/** Formats that somebody has added (binfmt_misc). */
function hasOtherFormats(): boolean {
  try {
    return readdirSync('/proc/sys/fs/binfmt_misc').some((name) => name !== 'register' && name !== 'status');
  } catch {
    return false;
  }
}

const MACHINES: Readonly<Record<number, string>> = {
  0x3e: 'x86_64',
  3: 'i386',
  0xb7: 'aarch64',
  0x28: 'arm',
  0xf3: 'riscv',
  0x15: 'ppc64',
  0x16: 's390x',
};

/** What an ELF file is for, and by which program it is loaded. */
function elfOf(head: Buffer): { machine: string; loader: string | null } | null {
  if (!beginsWith(head, ELF) || head.length < 64) return null;
  const isLittle = head[5] === 1;
  const number = isLittle ? head.readUInt16LE(18) : head.readUInt16BE(18);
  const name = MACHINES[number] ?? 'another processor';
  return { machine: name, loader: head[4] === 2 && isLittle ? loaderOf(head) : null };
}

function loaderOf(head: Buffer): string | null {
  const first = Number(head.readBigUInt64LE(32));
  const size = head.readUInt16LE(54);
  for (let i = 0; i < head.readUInt16LE(56); i++) {
    const at = first + i * size;
    if (size < 56 || at + size > head.length) return null;
    if (head.readUInt32LE(at) !== PT_INTERP) continue;
    const from = Number(head.readBigUInt64LE(at + 8));
    const end = head.indexOf(0, from);
    return from < head.length && end > from ? head.toString('utf8', from, end) : null;
  }
  return null;
}

/** What a file names to be executed by; null where it names nothing. */
export function interpreterOf(file: string): string | null {
  const head = readHead(file);
  const loader = elfOf(head)?.loader;
  return loader ?? namedIn(head);
}

/** The interpreter that the first line of a script names. */
export function namedIn(script: Uint8Array): string | null {
  const line = Buffer.from(script.subarray(0, 256)).toString();
  return /^#![ \t]*([^ \t\n]+)/.exec(line)?.[1] ?? null;
}

/** What the system said of a file that it did not execute, and what that means. */
export function whyNotExecuted(file: string, error: 'ETXTBSY' | 'ENOEXEC' | 'EACCES'): string {
  switch (error) {
    case 'ETXTBSY':
      return 'Text file busy (ETXTBSY). A process has it open for writing';
    case 'ENOEXEC':
      return whyNoFormat(readHead(file));
    case 'EACCES':
      return whyNoAccess(file);
    default:
      return error satisfies never;
  }
}

function whyNoFormat(head: Buffer): string {
  const said = 'Exec format error (ENOEXEC)';
  const elf = elfOf(head);
  if (elf !== null) return `${said}. It is a binary for ${elf.machine}, and this machine is ${machine()}`;
  if (hasByteOrderMark(head))
    return `${said}. It begins with a byte order mark, so that the system does not see its first line: save it as UTF-8 without the mark`;
  return `${said}. It is neither a script nor a binary of this system`;
}

function whyNoAccess(file: string): string {
  const said = 'Permission denied (EACCES)';
  let mode: number;
  try {
    const found = statSync(file);
    if (found.isDirectory()) return 'It is a directory';
    mode = found.mode & 0o7777;
  } catch {
    return said;
  }
  if ((mode & 0o111) === 0) {
    const shown = mode.toString(8).padStart(4, '0');
    return `${said}. No user may execute it (mode ${shown}): use chmod +x, or give it to an interpreter`;
  }
  const interpreter = interpreterOf(file);
  if (interpreter !== null && isDenied(interpreter))
    return `${said}. Its interpreter "${interpreter}" is not an executable file`;
  // What everybody may execute is refused for its place only.
  return (mode & 0o111) === 0o111 && isDenied(file) ? `${said}. Its file system may be mounted noexec` : said;
}

function isDenied(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES';
  }
}
