// A user of its own for each test, on a service that the tests of a file share.
import type { Test } from 'tap';
import { client, type SharedService, sharedService } from './build.ts';
import { bearer, type KeyOptions, sharedKeys } from './keys.ts';
import { type Lifetime, ofFile } from './scope.ts';

/** The same service, asked with these headers. */
export const asking = <S extends SharedService>(s: S, headers: Record<string, string>): S => ({
  ...s,
  ...client(s.url, headers),
});

/** How many tests of a file may have users of their own. */
const OWN_USERS = 40;
const ownUsers = new WeakMap<Lifetime, number>();

/**
 * A service that tests share, asked by a user that no other test has: who counts what a user has run, keeps or owes counts
 * only what this test did. Each such user is an administrator; `keys` adds others.
 */
export async function ownUser(
  t: Test,
  env: Record<string, string> = {},
  keys: Record<string, KeyOptions> = {},
): Promise<SharedService & { user: string }> {
  const file = ofFile();
  const number = (ownUsers.get(file) ?? 0) + 1;
  if (number > OWN_USERS) throw new Error(`more than ${OWN_USERS} tests have users of their own`);
  ownUsers.set(file, number);
  const users = Array.from({ length: OWN_USERS }, (_, i) => [`user${i + 1}`, {}] as const);
  const s = await sharedService(t, { ...sharedKeys({ ...Object.fromEntries(users), ...keys }), ...env });
  const user = `user${number}`;
  return { ...asking(s, bearer(user)), user };
}
