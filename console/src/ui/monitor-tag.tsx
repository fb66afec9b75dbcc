// What a monitor has reported, as a tag: red while it lives.
import type { Execution, Plan } from '../../../src/client/types.ts';
import { fullTime } from '../words/format.ts';

export function MonitorTag({ of: { monitor } }: { of: Pick<Execution | Plan, 'monitor'> }) {
  const last = monitor?.told.at(-1);
  if (last === undefined) return null;
  return (
    <span className="tag is-late" title={`Reported at ${fullTime(last.time)}`}>
      {last.event.replace('_', ' ')}
    </span>
  );
}
