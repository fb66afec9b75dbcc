// Isolation tiers: how far a command is kept from the server, from other commands and from the machine. docs/operate/isolation.md
// says what each of them keeps apart.
import { type Network, networkInBoth } from './network.ts';

/** From the weakest to the strongest. */
export const ISOLATION_TIERS = ['none', 'supervised', 'uid', 'sandbox'] as const;
export type IsolationTier = (typeof ISOLATION_TIERS)[number];

export function isAtLeast(tier: IsolationTier, least: IsolationTier): boolean {
  return ISOLATION_TIERS.indexOf(tier) >= ISOLATION_TIERS.indexOf(least);
}

export function stronger(a: IsolationTier, b: IsolationTier): IsolationTier {
  return isAtLeast(a, b) ? a : b;
}

/** The weakest of the offered tiers that is strong enough; null when there is none. */
export function tierFor(least: IsolationTier, offered: readonly IsolationTier[]): IsolationTier | null {
  const enough = offered.filter((tier) => isAtLeast(tier, least));
  return ISOLATION_TIERS.find((tier) => enough.includes(tier)) ?? null;
}

/** What is asked of the isolation of a command. */
export interface Confinement {
  /** The least tier. */
  isolation: IsolationTier;
  /** The network that it has in a sandbox; null: as the server has it. */
  network: Network | null;
}

export const NOT_CONFINED: Confinement = Object.freeze({ isolation: 'none', network: null });

/** Both apply: the stronger tier, and of the network only what both allow. */
export function bothOf(a: Confinement, b: Confinement): Confinement {
  return {
    isolation: stronger(a.isolation, b.isolation),
    network:
      a.network === null || b.network === null
        ? (a.network ?? b.network)
        : networkInBoth(a.network, b.network),
  };
}
