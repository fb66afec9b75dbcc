// How webhooks send mail, as the settings have it.
import { type Config, ConfigError } from '../config/load.ts';
import type { Clock, Log } from '../domain/ports/clock.ts';
import { senderOf, serverOf } from '../domain/spec/mail.ts';
import { readPrivateFile } from '../operator-files/private-file.ts';
import { MailSender, type MailSettings } from '../webhooks/mail-sender.ts';

/** @throws ConfigError when its password cannot be read */
export function mailSender(config: Config, clock: Clock, log: Log): MailSender {
  return new MailSender({ settings: settingsOf(config), clock, log });
}

function settingsOf(config: Config): MailSettings | null {
  const { EXECUTION_MAIL_PASSWORD_FILE: file } = config;
  const url = serverOf(config.EXECUTION_MAIL_URL ?? '');
  const from = senderOf(config.EXECUTION_MAIL_FROM ?? '');
  if (url === null || from === null) return null;
  // Read again for each mail: a new one needs no restart.
  const password = () => (file === undefined ? null : passwordIn(file));
  password();
  return {
    ...{ url, from, password, domains: config.EXECUTION_MAIL_DOMAINS },
    perHour: config.EXECUTION_MAIL_PER_HOUR,
    timeoutMs: config.EXECUTION_WEBHOOK_TIMEOUT_MS,
  };
}

function passwordIn(file: string): string {
  const read = readPrivateFile(file);
  const problem = (why: string) => new ConfigError([`EXECUTION_MAIL_PASSWORD_FILE: ${why}`]);
  if ('problem' in read) throw problem(`the file ${read.problem}`);
  const text = read.text.replace(/\r?\n$/, '');
  if (text === '') throw problem('the file must contain the password');
  return text;
}
