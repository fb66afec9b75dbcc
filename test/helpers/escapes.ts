// The seven ways in which a process gets away from a cancel. `TOKEN` is put in by the test: an argument of every process
// that has to be found afterwards, because some of them have neither environment nor parents.
import type { Test } from 'tap';
import { Host, type TierUnderTest } from './host-contract.ts';
import { isHopping, killSeen, until, withArgument } from './processes.ts';
import { raw } from './raw-frames.ts';

export const TOKEN = 'TOKEN';

const SLEEP = `sleep 1000.${TOKEN}`;
const HOPPER_LIFE_S = 120;
/** It forks and ends, again and again, each time in a new session; no look at it lasts. */
const hopper = (lifeS: number) =>
  `perl -MPOSIX -e "while (time < $^T + ${lifeS}) { fork and POSIX::_exit(0); POSIX::setsid() } # ${TOKEN}"`;

export type Escape = readonly [name: string, command: string];

/** Commands of bash: each says "up", and its own process stays. The last one cannot be caught where it gets away. */
export const escapes = (hopperLifeS: number): readonly Escape[] => [
  ['ignores SIGTERM', `trap "" TERM; echo up; while :; do sleep 0.1; done # ${TOKEN}`],
  ['a child', `${SLEEP} & echo up; wait`],
  ['an orphan', `(${SLEEP} &); echo up; ${SLEEP}`],
  ['a session of its own', `setsid ${SLEEP} & echo up; wait`],
  ['a daemon', `(setsid sh -c "${SLEEP} &" &); echo up; ${SLEEP}`],
  ['a daemon without an environment', `(setsid env -i /bin/sh -c "${SLEEP} &" &); echo up; ${SLEEP}`],
  [
    'a daemon that forks and ends without pause',
    `(setsid env -i ${hopper(hopperLifeS)} &); echo up; ${SLEEP}`,
  ],
];
export const ESCAPES = escapes(HOPPER_LIFE_S);

/** Longer than a host takes to report an end. */
const SHORT_LIFE_S = 5;

/** Whether something of each escape is alive once its cancel is reported. Nothing of them is when this returns. */
export async function whatGetsAway(
  t: Test,
  command: readonly [string, ...string[]],
  tier: TierUnderTest,
): Promise<{ name: string; gotAway: boolean }[]> {
  const host = await new Host(t, command, tier).greet();
  const found = [];
  const all = escapes(SHORT_LIFE_S);
  for (const [name, escape] of all) {
    // Looking for what hops costs a hundred times what looking for what stays does.
    const hops = name === all.at(-1)?.[0];
    const token = String(Math.random()).slice(2, 12);
    const ref = host.start(escape.replaceAll(TOKEN, token));
    await host.next('growth', (reply) => reply.ref === ref);
    await until('it is there', () => withArgument(token).length > 0);
    host.write(raw.stop(ref, 'cancelled', 200));
    await host.exited(ref);
    const lives = () => withArgument(token).length > 0 || (hops && isHopping(token));
    const gotAway = lives();
    await until('it is gone', () => {
      killSeen(withArgument(token));
      return !lives();
    });
    found.push({ name, gotAway });
  }
  return found;
}
