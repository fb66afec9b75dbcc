// Loaded into a server by a bench: on SIGUSR2 it tells how long the event loop has stood still since it was last asked.
import { renameSync, writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 5;
const file = process.env.BENCH_PAUSES ?? '';
const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
histogram.enable();

process.on('SIGUSR2', () => {
  const [p99, max] = [histogram.percentile(99), histogram.max].map((ns) =>
    Math.max(0, ns / 1e6 - RESOLUTION_MS),
  );
  histogram.reset();
  writeFileSync(`${file}.new`, JSON.stringify({ p99, max }));
  renameSync(`${file}.new`, file);
});
