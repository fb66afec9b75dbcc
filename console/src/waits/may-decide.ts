// Whether somebody may decide on an approval. execd decides that in the end; what it would refuse is not offered.
import type { Approval, Me } from '../../../src/client/types.ts';

type Decider = Pick<Me, 'user_id' | 'acting_user' | 'scopes'>;

/** Why not, in a sentence; null if they may. */
export function whyNot(
  { user_id: owner, users, four_eyes: fourEyes, decisions }: Approval,
  { user_id: user, acting_user: acting, scopes }: Decider,
): string | null {
  const who = acting ?? user;
  const own = decisions.find((one) => one.user === who);
  if (own !== undefined)
    return `You have ${own.decision === 'approve' ? 'approved' : 'rejected'} it. Others decide the rest.`;
  if (fourEyes && who === owner)
    return 'Four eyes: the user of the plan may not decide. Somebody else has to.';
  if ((users ?? [owner]).includes(who) || scopes.includes('admin')) return null;
  return `Only ${(users ?? [owner]).join(', ')} and administrators may decide.`;
}
