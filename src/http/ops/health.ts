// The health of each part.
import type { z } from 'zod';
import { isoTime } from '../edge/times.ts';
import type { health } from './ops-schemas.ts';
import type { OpsRoutesOptions } from './options.ts';

export function healthOf({
  engine,
  clock,
  version,
}: Pick<OpsRoutesOptions, 'engine' | 'clock' | 'version'>): z.infer<typeof health> {
  const component = (detail: string | null) => ({
    status: detail === null ? ('healthy' as const) : ('unhealthy' as const),
    detail,
  });
  const { store, runnerHost, hostName, tiers, intake, disks, cache, data, feed } = engine.health();
  const logs = disks.logs ?? null;
  const work = disks.work_directories ?? null;
  const error = store ?? runnerHost ?? intake ?? logs ?? work ?? cache;
  return {
    status: error === null ? 'healthy' : 'unhealthy',
    timestamp: isoTime(clock.now()),
    version,
    cache_size: engine.cacheStats().entries,
    error,
    components: {
      store: component(store),
      runner_host: { ...component(runnerHost), name: hostName, isolation: [...tiers] },
      intake: component(intake),
      cache: component(cache),
      logs: component(logs),
      data: {
        ...component(null),
        detail:
          data.bytes > data.maxBytes
            ? `The data take ${data.bytes} bytes; at most ${data.maxBytes} are to be kept (EXECUTION_MAX_DATA_BYTES). The next cleanup removes the oldest successes first.`
            : null,
        ...{ bytes: data.bytes, max_bytes: data.maxBytes },
      },
      feed: { ...component(null), detail: feed },
      work_directories: component(work),
    },
  };
}
