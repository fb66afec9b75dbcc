// A mail server that keeps what it takes, and answers as the test says.
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type { Test } from 'tap';

export interface Mail {
  from: string;
  to: string[];
  /** The user that has logged in; null without one. */
  user: string | null;
  /** As it came over the wire. */
  text: string;
}

export interface MailServer {
  url: (user?: string) => string;
  mails: Mail[];
  /** What it says to the address of a recipient: null takes it, else a code of SMTP. */
  judge: (address: string) => number | null;
  password: string;
}

export async function mailServer(t: Test, { wantsUser = false } = {}): Promise<MailServer> {
  const one: MailServer = { url: () => '', mails: [], judge: () => null, password: 'secret' };
  const server = new SMTPServer({
    authOptional: !wantsUser,
    allowInsecureAuth: true,
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    onAuth({ username, password }, _session, callback) {
      if (password === one.password) callback(null, { user: username ?? '' });
      else callback(new Error('wrong password'));
    },
    onRcptTo({ address }, _session, callback) {
      const code = one.judge(address);
      callback(code === null ? null : Object.assign(new Error('not here'), { responseCode: code }));
    },
    onData(stream, { envelope, user }, callback) {
      let text = '';
      stream.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      stream.on('end', () => {
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
        const to = envelope.rcptTo.map(({ address }) => address);
        one.mails.push({ from, to, user: typeof user === 'string' ? user : null, text });
        callback();
      });
    },
  });
  // A client that goes away in the middle is no failure of the test.
  server.on('error', () => undefined);
  t.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  one.url = (user) => `smtp://${user === undefined ? '' : `${user}@`}127.0.0.1:${port}`;
  return one;
}
