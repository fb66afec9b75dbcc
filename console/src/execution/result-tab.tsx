// The result: a picture, JSON, or the text of both streams.
import type { Execution } from '../../../src/client/types.ts';
import { plainText } from '../log/ansi.ts';
import { CopyButton } from '../ui/copy-button.tsx';
import { JsonTree } from '../ui/json-tree.tsx';
import { pictureIn } from './picture.ts';

export function ResultTab({ execution }: { execution: Execution }) {
  const { result, phase, error, warnings, output } = execution;
  return (
    <>
      {warnings.map(({ code, message }) => (
        <p key={code} className="notice">
          {message}
        </p>
      ))}
      {error !== null && (
        <dl className="fact-list">
          <div>
            <dt>Error</dt>
            <dd>
              <code>{error.code}</code> {error.type.replaceAll('_', ' ')}, fault of {FAULTS[error.fault]}
            </dd>
          </div>
          <div>
            <dt>Retry</dt>
            <dd>{error.retryable ? 'can help' : 'does not help'}</dd>
          </div>
        </dl>
      )}
      {phase === 'done' ? <Value result={result} /> : <p className="hint">The result comes at the end.</p>}
      {output.truncated && <p className="notice">The log does not keep all of the output.</p>}
    </>
  );
}

const FAULTS = { user: 'the request', system: 'execd' };

function Value({ result }: { result: unknown }) {
  const streams = streamsIn(result);
  if (result === null || result === undefined) return <p className="hint">There is none.</p>;
  if (streams === null) return <JsonTree value={result} />;
  return (
    <>
      {streams.map(([name, text]) => (
        <section key={name} className="stream">
          <h2 className="label">
            {name} <CopyButton text={text} label={`Copy ${name}`} />
          </h2>
          <Text text={text} />
        </section>
      ))}
      {streams.length === 0 && <p className="hint">It wrote nothing.</p>}
    </>
  );
}

function Text({ text }: { text: string }) {
  const picture = pictureIn(text);
  if (picture !== null) return <img className="picture" src={picture} alt="The output, as a picture" />;
  const value = jsonIn(text);
  return value === undefined ? <pre tabIndex={0}>{plainText(text)}</pre> : <JsonTree value={value} />;
}

/** The result of a command, which is its streams; null for any other. */
function streamsIn(result: unknown): [string, string][] | null {
  if (typeof result !== 'object' || result === null || !('stdout' in result) || !('stderr' in result))
    return null;
  const { stdout, stderr } = result;
  const all: [string, unknown][] = [
    ['stdout', stdout],
    ['stderr', stderr],
  ];
  return all.filter((one): one is [string, string] => typeof one[1] === 'string' && one[1] !== '');
}

function jsonIn(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
