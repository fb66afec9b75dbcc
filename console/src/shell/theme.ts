// Light, dark, or as the system has it. The choice is of this browser and holds no secret.
import { useSyncExternalStore } from 'react';

const STORED = 'execd-theme';
export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const listeners = new Set<() => void>();
const stored = (): Theme => THEMES.find((one) => one === localStorage.getItem(STORED)) ?? 'system';

export function applyTheme(): void {
  document.documentElement.dataset.theme = stored();
}

export function setTheme(theme: Theme): void {
  localStorage.setItem(STORED, theme);
  applyTheme();
  for (const listener of listeners) listener();
}

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, stored);
}
