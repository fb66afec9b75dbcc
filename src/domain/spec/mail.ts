// Mail as the receiver of a webhook: a mailto: URL (RFC 6068) of plain addresses. What such a URL could say beyond that, further
// headers and a body, is refused: the message is made by the webhook alone. Without a schema: the store's thread knows these words.

export const MAIL_SCHEME = 'mailto:';
/** Addresses of one webhook. */
export const MAX_RECIPIENTS = 10;
/** Of a subject; more is cut. */
export const MAX_SUBJECT = 200;

/** Dot-string of letters, digits and a few marks (RFC 5321 §4.1.2): nothing that has a meaning in a header or a URL. */
const LOCAL = /^(?=.{1,64}$)[A-Za-z0-9_+=-]+(\.[A-Za-z0-9_+=-]+)*$/;
const DOMAIN = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

export const isMail = (url: string): boolean => url.startsWith(MAIL_SCHEME);

export const isDomain = (text: string): boolean => DOMAIN.test(text);

export function isAddress(text: string): boolean {
  const at = text.lastIndexOf('@');
  return LOCAL.test(text.slice(0, Math.max(0, at))) && DOMAIN.test(text.slice(at + 1));
}

/** The domain of an address, in lower case. */
export const domainOf = (address: string): string =>
  address.slice(address.lastIndexOf('@') + 1).toLowerCase();

/** The addresses of a mailto: URL. */
export const recipientsOf = (url: string): string[] => url.slice(MAIL_SCHEME.length).split(',');

export interface MailFrom {
  name: string;
  address: string;
}

/** An address, or a name and an address in <>; null for anything else. */
export function senderOf(text: string): MailFrom | null {
  const [, name = '', address = text] = /^([^<>"@\p{Cc}]{0,100}?) *<([^<>]*)>$/u.exec(text) ?? [];
  return isAddress(address) ? { name, address } : null;
}

/** A mail server, by a URL without a password and without anything that nobody would read; null for any other text. */
export function serverOf(text: string): URL | null {
  const url = /\s/.test(text) ? null : URL.parse(text);
  if (url === null || !/^smtps?:$/.test(url.protocol) || url.hostname === '' || url.password !== '')
    return null;
  return url.pathname.replace(/^\/$/, '') + url.search + url.hash === '' ? url : null;
}

/** What is wrong with a mailto: URL; null when nothing is. */
export function mailProblem(url: string): string | null {
  const all = recipientsOf(url);
  const wrong = all.find((one) => !isAddress(one));
  if (wrong !== undefined)
    return `must be mailto: and addresses with commas between them; ${JSON.stringify(wrong.slice(0, 100))} is not an address of letters, digits and . _ + = - with a domain (of a domain in other letters, use its form that begins with xn--)`;
  if (all.length > MAX_RECIPIENTS)
    return `has ${all.length} addresses; at most ${MAX_RECIPIENTS} are allowed`;
  return null;
}
