import { ago, fullTime } from '../words/format.ts';
import { useNow } from '../live/use-live.ts';

const EVERY_MS = 5000;

/** How long ago; the time itself is its title. */
export function Ago({ time }: { time: string }) {
  const now = useNow(EVERY_MS);
  return (
    <time dateTime={time} title={fullTime(time)}>
      {ago(time, now)}
    </time>
  );
}
