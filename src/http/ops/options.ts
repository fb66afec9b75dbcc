// What the routes of operators are built of.
import type { Clock } from '../../domain/ports/clock.ts';
import type { Engine } from '../../engine/engine.ts';
import type { SseClients } from '../edge/sse.ts';

/** Renders the metrics. */
export interface Scrape {
  contentType: string;
  render(): Promise<string>;
}

export interface OpsRoutesOptions {
  engine: Engine;
  clock: Clock;
  version: string;
  scrape: Scrape;
}

export interface StatsOptions extends OpsRoutesOptions {
  sse: SseClients;
  ratios: () => { timeout: number | null; retry: number | null; memory: number | null };
}
