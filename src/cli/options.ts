// What options of several commands have in common.

/** Gathers an option that may be given more than once. */
export const many = (value: string, before: readonly string[] = []): string[] => [...before, value];
