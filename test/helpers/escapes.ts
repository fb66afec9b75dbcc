// The seven ways in which a process gets away from a cancel. `TOKEN` is put in by the test: an argument of every process
// that has to be found afterwards, because some of them have neither environment nor parents.

export const TOKEN = 'TOKEN';

const SLEEP = `sleep 1000.${TOKEN}`;
/** It forks and ends, again and again, each time in a new session; no look at it lasts. */
const HOPPER = `perl -MPOSIX -e "while (time < $^T + 120) { fork and POSIX::_exit(0); POSIX::setsid() } # ${TOKEN}"`;

/** Commands of bash: each says "up", and its own process stays. */
export const ESCAPES: readonly (readonly [name: string, command: string])[] = [
  ['ignores SIGTERM', `trap "" TERM; echo up; while :; do sleep 0.1; done # ${TOKEN}`],
  ['a child', `${SLEEP} & echo up; wait`],
  ['an orphan', `(${SLEEP} &); echo up; ${SLEEP}`],
  ['a session of its own', `setsid ${SLEEP} & echo up; wait`],
  ['a daemon', `(setsid sh -c "${SLEEP} &" &); echo up; ${SLEEP}`],
  ['a daemon without an environment', `(setsid env -i /bin/sh -c "${SLEEP} &" &); echo up; ${SLEEP}`],
  ['a daemon that forks and ends without pause', `(setsid env -i ${HOPPER} &); echo up; ${SLEEP}`],
];
