// Two ways of having nothing to show.
import { EXECD_URL } from '../session/place.ts';
import { Button } from '../ui/button.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { Empty } from '../ui/states.tsx';

export function NothingYet() {
  const command = `curl ${EXECD_URL}/v1/executions -H 'content-type: application/json' \\
  -d '{"kind": "shell", "command": "echo hello"}'`;
  return (
    <Empty title="Nothing has run yet">
      <p>Run something, and it appears here:</p>
      <div className="code-block">
        <pre tabIndex={0}>{command}</pre>
        <CopyButton text={command} label="Copy the command" />
      </div>
      <p>
        or <code>npx execd run -- echo hello</code>, or the form under Submit.
      </p>
    </Empty>
  );
}

export function NothingMatches({ onClear }: { onClear: () => void }) {
  return (
    <Empty title="Nothing matches">
      <p>No execution fits the filters.</p>
      <Button onClick={onClear}>Clear the filters</Button>
    </Empty>
  );
}
