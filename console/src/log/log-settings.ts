// How a log is shown.
import type { Times } from './log-row.tsx';

export interface LogSettings {
  stream: 'all' | 'stdout' | 'stderr';
  times: Times;
  isWrapped: boolean;
  query: string;
  onlyFinds: boolean;
}

export const FIRST_SETTINGS: LogSettings = {
  ...{ stream: 'all', times: 'off', isWrapped: false, query: '', onlyFinds: false },
};
