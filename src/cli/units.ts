// Values as people write and read them: durations, sizes, times.
import { usage } from './exits.ts';

const DURATION =
  /^(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?$/;
const UNITS_MS = [86_400_000, 3_600_000, 60_000, 1000, 1];

/** Milliseconds of `90`, `90s`, `1h30m`, `500ms`. */
export function durationMs(text: string): number {
  const parts = text === '' ? null : DURATION.exec(/^\d+(\.\d+)?$/.test(text) ? `${text}s` : text);
  if (parts === null)
    throw usage(`${JSON.stringify(text)} is not a duration. Write it as 90s, 5m, 1h30m or 500ms.`);
  return Math.round(UNITS_MS.reduce((sum, unit, i) => sum + Number(parts[i + 1] ?? 0) * unit, 0));
}

const SIZE = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i;

/** Bytes of `1000`, `512M`, `2G`; the units are powers of 1024. */
export function sizeBytes(text: string): number {
  const parts = SIZE.exec(text);
  if (parts === null)
    throw usage(`${JSON.stringify(text)} is not a size. Write it as 100000, 64k, 512M or 2G.`);
  return Math.round(Number(parts[1]) * 1024 ** ' kmgt'.indexOf((parts[2] ?? '').toLowerCase() || ' '));
}

export function wholeNumber(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw usage(`${JSON.stringify(text)} is not a whole number.`);
  return Number(text);
}

/** A time as the API takes it: `2026-11-30T10:00:00Z` as it is, `10m` as ten minutes ago. */
export function timeOf(text: string, now: number): string {
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    const time = new Date(text);
    if (!Number.isNaN(time.getTime())) return time.toISOString();
  } else if (/^\d/.test(text)) return new Date(now - durationMs(text)).toISOString();
  throw usage(
    `${JSON.stringify(text)} is not a time. Write it as 2026-11-30T10:00:00Z, or as 10m for ten minutes ago.`,
  );
}

export function shownDuration(ms: number | null): string {
  if (ms === null) return '-';
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)}s`;
  const s = Math.round(ms / 1000);
  const [days, hours, minutes] = [Math.floor(s / 86_400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (days > 0) return `${days}d${hours}h`;
  return hours > 0 ? `${hours}h${pad(minutes)}m` : `${minutes}m${pad(s % 60)}s`;
}

const pad = (n: number): string => String(n).padStart(2, '0');

export function shownBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(value < 10 ? 1 : 0)} ${' KMGT'[unit]}iB`;
}

/** A bar of so many characters, full to a share between 0 and 1. */
export function bar(share: number, width: number): string {
  const full = Math.round(share * width);
  return '█'.repeat(full) + '░'.repeat(width - full);
}

/** How long ago. */
export function age(time: string | null, now: number): string {
  return time === null ? '-' : shownDuration(Math.max(0, now - Date.parse(time)));
}

/** Text of others as one line: whatever moves the cursor or hides is shown by its name. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => {
    if (char === '\n') return '↵';
    if (char === '\t') return ' ';
    return `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
}

/** `name=value` pairs. */
export function pairs(list: readonly string[], what: string): Record<string, string> {
  const found: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const one of list) {
    const at = one.indexOf('=');
    if (at < 1) throw usage(`${what} ${JSON.stringify(one)} has no value. Write it as NAME=VALUE.`);
    found[one.slice(0, at)] = one.slice(at + 1);
  }
  return { ...found };
}
