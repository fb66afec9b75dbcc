// What an exit code says, in words: the conventions of shells (POSIX.1-2024, XCU 2.8.2 "Exit Status for Commands") and of the
// AWS CLI ("Command line return codes").
import type { Kind } from '../../domain/kinds.ts';

/** Signals of Linux that end a process, by number (signal(7)). */
const SIGNALS: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
  24: 'SIGXCPU',
  25: 'SIGXFSZ',
  31: 'SIGSYS',
};

/** What usually sends a signal that execd has not sent. */
const USUAL_CAUSE: Readonly<Record<string, string>> = {
  SIGKILL:
    'The usual cause is the out-of-memory killer of the kernel: the machine or the container had no memory left. ' +
    'Compare resources.max_rss_bytes with the memory of the container, and look for "Out of memory" in the log of the kernel.',
  SIGSEGV:
    'The program accessed memory that it does not have. This is an error in the program, or in a library of it.',
  SIGABRT:
    'The program ended itself: an assertion failed, or its runtime ran out of memory (for example the heap of Node.js).',
  SIGBUS:
    'The program accessed memory that cannot be read: often a file in memory that became shorter, or a full /dev/shm.',
  SIGILL: 'The program contains an instruction that this processor does not have.',
  SIGFPE: 'The program divided by zero.',
  SIGPIPE: 'The program wrote to a pipe that nothing reads any more.',
  SIGTERM: 'Another process sent the program a signal to end.',
  SIGINT: 'Another process interrupted the program.',
  SIGHUP: 'The terminal or the connection of the program was closed.',
  SIGXCPU: 'The program used more CPU time than a limit of the machine allows (ulimit -t).',
  SIGXFSZ: 'The program wrote a larger file than a limit of the machine allows (ulimit -f).',
  SIGSYS: 'A filter of system calls (seccomp) ended the program.',
};

const SHELL_CODES: Readonly<Record<number, string>> = {
  1: 'Code 1 is the general error of most programs. The end of the output usually has the reason.',
  2: 'Most programs use code 2 for wrong options or arguments.',
  126: 'Code 126 means that a shell found the command but could not execute it. Check its permissions and its first line.',
  127: 'Code 127 means that a shell did not find the command. Check its name, PATH, and that it is installed.',
  255: 'Code 255 is an exit code out of range, or for ssh a failed connection.',
};

const AWS_CODES: Readonly<Record<number, string>> = {
  1: 'Code 1 of the AWS CLI means that at least one transfer of an s3 command failed.',
  2: 'Code 2 of the AWS CLI means that an s3 command skipped files, or that the command could not be parsed.',
  130: 'Code 130 of the AWS CLI means that it was interrupted.',
  252: 'Code 252 of the AWS CLI means that the command is wrong: a parameter is unknown, missing or invalid.',
  253: 'Code 253 of the AWS CLI means that its configuration or its credentials are missing or invalid.',
  254: 'Code 254 of the AWS CLI means that AWS received the request and returned an error.',
  255: 'Code 255 of the AWS CLI is its general error.',
};

/** The signal that an exit code above 128 stands for; null for other codes. */
export function signalOfCode(code: number): string | null {
  return code > 128 ? (SIGNALS[code - 128] ?? null) : null;
}

/** What a signal that execd has not sent usually says. */
export function signalWords(signal: string): string {
  return USUAL_CAUSE[signal] ?? `The signal ${signal} ended the program.`;
}

/** What an exit code says; null where there is no convention. */
export function exitCodeWords(code: number, kind: Kind): string | null {
  const known = (kind === 'aws_cli' ? AWS_CODES[code] : undefined) ?? SHELL_CODES[code];
  if (known !== undefined) return known;
  const signal = signalOfCode(code);
  if (signal === null) return null;
  return `Code ${code} is 128 + ${code - 128}: ${signal} ended a process of the command. execd did not send it. ${signalWords(signal)}`;
}
