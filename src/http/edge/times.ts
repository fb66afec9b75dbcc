// Points in time as they go over the wire.

export const isoTime = (ms: number): string => new Date(ms).toISOString();

export const isoOrNull = (ms: number | null): string | null => (ms === null ? null : isoTime(ms));
