// Isolation tiers: how far a command is kept from the server, from other commands and from the machine. docs/operate/isolation.md
// says what each of them keeps apart.

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
  /** Whether it has the network of this machine in a sandbox; null: as the server has it. */
  hasNetwork: boolean | null;
}

export const NOT_CONFINED: Confinement = Object.freeze({ isolation: 'none', hasNetwork: null });

/** Both apply: the stronger tier, and the network only where neither forbids it. */
export function bothOf(a: Confinement, b: Confinement): Confinement {
  const said = [a.hasNetwork, b.hasNetwork].filter((one) => one !== null);
  return {
    isolation: stronger(a.isolation, b.isolation),
    hasNetwork: said.length === 0 ? null : said.every((one) => one),
  };
}
