// The command line within the process of a test: as fast as a call. What needs a process of its own or a terminal is in cli.ts.
import { execute } from '../../src/cli/program.ts';
import { Session } from '../../src/cli/session.ts';
import type { Ended } from './cli.ts';

class Caught {
  readonly isTerminal = false;
  readonly columns = null;
  text = '';

  style(_style: unknown, text: string): string {
    return text;
  }

  async write(data: string | Uint8Array): Promise<void> {
    this.text += Buffer.from(data).toString('latin1');
  }
}

/** Runs a command line to its end, with nothing of the environment but what is given. */
export async function runHere(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  const session = new Session(env);
  const [out, err] = [new Caught(), new Caught()];
  Object.assign(session.terminal, { out, err });
  const code = await execute(argv, env, session);
  return { code, out: out.text, err: err.text };
}
