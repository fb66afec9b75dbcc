// The forms in which a secret may turn up in output: as it is, in base64 at any offset, escaped for a URL, escaped for JSON,
// and, where it has many lines, line by line.
import { Buffer } from 'node:buffer';
import { MIN_PATTERN_BYTES } from './runner-host/redactor.ts';

/** A line of a secret counts by itself from this length on: shorter ones are as good as any text. */
const MIN_LINE = 16;
/** What stands above and below a key in PEM is no secret. */
const PEM_FRAME = /^-----.*-----$/;

/** All forms of a secret, each once. */
export function formsOf(secret: Buffer): Buffer[] {
  const text = secret.toString('utf8');
  const isText = Buffer.from(text).equals(secret);
  const forms = [secret, ...base64Forms(secret)];
  if (isText) {
    const lines = text.split(/\r?\n/).filter((line) => line.length >= MIN_LINE && !PEM_FRAME.test(line));
    const texts = [...urlForms(text), ...jsonForms(text), ...(text.includes('\n') ? lines : [])];
    forms.push(...texts.map((form) => Buffer.from(form)));
  }
  const unique = new Map(forms.map((form) => [form.toString('latin1'), form]));
  return [...unique.values()].filter(({ length }) => length >= MIN_PATTERN_BYTES);
}

/** What of base64 depends on the secret alone, wherever in a longer text it begins; in both alphabets. */
function base64Forms(secret: Buffer): Buffer[] {
  return [0, 1, 2].flatMap((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), secret]).toString('base64');
    const first = Math.ceil((offset * 8) / 6);
    const last = Math.floor(((offset + secret.length) * 8) / 6);
    const own = encoded.slice(first, last);
    return [own, own.replaceAll('+', '-').replaceAll('/', '_')].map((form) => Buffer.from(form));
  });
}

function urlForms(text: string): string[] {
  const well = text.toWellFormed();
  const component = encodeURIComponent(well);
  const lower = component.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
  // RFC 3986 would escape these too, and forms write spaces as plus signs.
  const strict = component.replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return [
    component,
    lower,
    strict,
    encodeURI(well),
    strict.replaceAll('%20', '+'),
    strict.replaceAll('%2F', '/'),
  ];
}

function jsonForms(text: string): string[] {
  const plain = JSON.stringify(text).slice(1, -1);
  const escaped = (digits: (code: string) => string) =>
    plain.replace(/[\u007f-\uffff]/g, (c) => `\\u${digits(c.charCodeAt(0).toString(16).padStart(4, '0'))}`);
  const ascii = escaped((code) => code);
  return [
    plain,
    ascii,
    escaped((code) => code.toUpperCase()),
    plain.replaceAll('/', '\\/'),
    ascii.replaceAll('/', '\\/'),
  ];
}
