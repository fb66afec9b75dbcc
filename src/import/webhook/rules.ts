// The rule of a hook of adnanh/webhook: which part of it is the proof of the sender, and which a condition.
import type { Match, Remark, Rule } from './format.ts';
import { asText, type Found, text, valueOf } from './values.ts';

export interface Proof {
  /** The scheme of the hook, and what belongs to it. */
  hook: Readonly<Record<string, string>>;
  /** Null: a new one is made. */
  secret: string | null;
  /** What changes for the sender. */
  change?: string;
}

export interface ReadRule {
  proof: Proof;
  /** CEL; null: each delivery runs. */
  when: string | null;
}

type Say = (type: Remark['type'], field: string, message: string) => void;

/** The shortest secret that execd takes. */
const MIN_SECRET_BYTES = 6;
const FIELD = 'trigger-rule';
const SIGNED = /^payload-(?:hmac|hash)-(sha1|sha256|sha512)$/;
const SECRET_NAME = /token|secret|passw|auth|api-?key|signature/i;
const BY_URL = 'the URL of the delivery must end with ?token= and the secret';

/** Takes a rule apart. Where something of it cannot be kept, it is said, and what comes back is of no use. */
export function readRule(rule: Rule | null, parsed: ReadonlySet<string>, say: Say): ReadRule {
  const parts = rule === null ? [] : flat(rule);
  const proofs = parts.map((part) => proofOf(part, say));
  const signed = proofs.filter((one) => one !== null && one.hook.scheme !== 'token').length;
  if (signed > 1)
    say('problem', FIELD, 'has several signatures; a hook of execd has one: make a hook for each');
  // A signature is a better proof than a token, and then the token is a condition.
  const at = signed > 0 ? proofs.findIndex((one) => one !== null && one.hook.scheme !== 'token') : -1;
  const chosen = at === -1 ? proofs.findIndex((one) => one !== null) : at;
  const conditions = parts
    .filter((_part, i) => i !== chosen)
    .filter((part) => !isAddress(part, say))
    .map((part) => conditionOf(part, parsed, say));
  const when = conditions.length === 0 ? null : conditions.join(' && ');
  return { proof: sound(proofs[chosen] ?? null, say), when };
}

/** What must all be true. */
const flat = (rule: Rule): Rule[] => ('and' in rule ? rule.and.flatMap(flat) : [rule]);

/** A proof that execd takes: where there is none, or one that can be guessed, senders need a new secret. */
function sound(proof: Proof | null, say: Say): Proof {
  if (proof === null) {
    const message = `runs the command for every sender; execd requires proof of each delivery: ${BY_URL}, which is new`;
    say('change', FIELD, message);
    return { hook: { scheme: 'token', query: 'token' }, secret: null };
  }
  if (proof.change !== undefined) say('change', `${FIELD}.match`, proof.change);
  if (proof.secret !== null && Buffer.byteLength(proof.secret) < MIN_SECRET_BYTES) {
    const message = `the secret has fewer than ${MIN_SECRET_BYTES} bytes; the sender must use the new one`;
    say('change', FIELD, message);
    return { ...proof, secret: null };
  }
  return proof;
}

function proofOf(rule: Rule, say: Say): Proof | null {
  if (!('match' in rule)) return null;
  const { type, secret = '', value = '', parameter } = rule.match;
  const [, algorithm] = SIGNED.exec(type) ?? [];
  const name = parameter?.name ?? '';
  const lower = name.toLowerCase();
  if (algorithm !== undefined) {
    if (parameter?.source !== 'header') {
      say(
        'problem',
        `${FIELD}.match`,
        'the signature is not in a header; execd reads signatures only from headers',
      );
      return null;
    }
    if (lower === 'x-hub-signature-256') return { hook: { scheme: 'github' }, secret };
    const hub = lower === 'x-hub-signature' ? { prefix: `${algorithm}=` } : {};
    return { hook: { scheme: 'hmac', header: name, algorithm, ...hub }, secret };
  }
  if (type !== 'value' || parameter === undefined) return null;
  const { source } = parameter;
  if (source === 'header' && lower === 'x-gitlab-token') return { hook: { scheme: 'gitlab' }, secret: value };
  if (!SECRET_NAME.test(name)) return null;
  if (source === 'header') return tokenIn(name, value);
  if (source === 'url') return { hook: { scheme: 'token', query: name }, secret: value };
  if (source !== 'payload') return null;
  const message = `execd does not accept a secret in the body (${name}): ${BY_URL}. If the sender can sign (Gitea: scheme hmac with the header X-Gitea-Signature; Slack: scheme slack), prefer that`;
  return { hook: { scheme: 'token', query: 'token' }, secret: value, change: message };
}

/** `Bearer x` is a prefix and a secret. */
function tokenIn(header: string, value: string): Proof {
  const [, prefix = '', secret = ''] = /^((?:Bearer|Token|Basic) )?(.*)$/s.exec(value) ?? [];
  return { hook: { scheme: 'token', header, ...(prefix === '' ? {} : { prefix }) }, secret };
}

function isAddress(rule: Rule, say: Say): boolean {
  if (!('match' in rule) || rule.match.type !== 'ip-whitelist') return false;
  const range = rule.match['ip-range'] ?? '';
  const message = `execd does not compare addresses; let the proxy or firewall in front of it admit only ${range}`;
  say('change', `${FIELD}.match`, message);
  return true;
}

function conditionOf(rule: Rule, parsed: ReadonlySet<string>, say: Say): string {
  if ('match' in rule) return matchOf(rule.match, parsed, say);
  if ('not' in rule) return `!(${conditionOf(rule.not, parsed, say)})`;
  const [rules, operator, none] = 'and' in rule ? [rule.and, ' && ', 'true'] : [rule.or, ' || ', 'false'];
  if (rules.length === 0) return none;
  return `(${rules.map((one) => conditionOf(one, parsed, say)).join(operator)})`;
}

function matchOf(match: Match, parsed: ReadonlySet<string>, say: Say): string {
  const { type, parameter, value = '', regex = '' } = match;
  const problem = (message: string) => {
    say('problem', `${FIELD}.match`, message);
    return 'false';
  };
  if (SIGNED.test(type))
    return problem('a signature within or, or not; make a hook of execd for each way of signing');
  if (type === 'ip-whitelist') return problem('an address within or, or not; make hooks of their own');
  if (type !== 'value' && type !== 'regex')
    return problem(
      `${text(type)} has no counterpart in execd; configure the sender to sign with HMAC (scheme hmac) or to send a token`,
    );
  if (parameter === undefined) return problem('has no parameter');
  const found = valueOf(parameter, parsed);
  if ('problem' in found) return problem(found.problem);
  if ('text' in found) return problem('compares a fixed text; leave it out');
  const test = type === 'value' ? equals(found, value) : matches(found, regex);
  if (test === null)
    return problem(
      `the pattern ${text(regex)} has syntax of Go that execd does not support; rewrite it in CEL`,
    );
  return found.guard === null ? test : `(${found.guard} && ${test})`;
}

/** webhook compares texts: a number of the payload is equal to its digits. */
function equals({ cel, isText }: Found, value: string): string {
  const asIs = `${cel} == ${text(value)}`;
  const isOther = !isText && /^(-?(0|[1-9]\d{0,14})(\.\d{1,9})?|true|false)$/.test(value);
  return isOther ? `(${asIs} || ${cel} == ${value})` : asIs;
}

/** Null: the pattern means something else, or nothing, where CEL reads it. */
function matches(found: Found, regex: string): string | null {
  const [, flags = '', rest = ''] = /^(?:\(\?([imsU]+)\))?(.*)$/s.exec(regex) ?? [];
  const own = rest.replaceAll('(?P<', '(?<').replaceAll('\\z', '$').replaceAll('\\A', '^');
  if (flags.includes('U') || /\[\[:|\\[pPQECa]|\(\?[imsU-]+\)/.test(own)) return null;
  const pattern = flags === '' ? own : `(?${flags}:${own})`;
  try {
    new RegExp(pattern);
  } catch {
    return null;
  }
  const value = found.isText ? found.cel : `(${asText(found)})`;
  return `${value}.matches(${text(pattern)})`;
}
