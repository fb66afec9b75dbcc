// The forms in which a secret may turn up in output: as it is, escaped, in lower case, in base64 at any offset, and, where it
// has many lines, line by line.
import { Buffer } from 'node:buffer';
import { MIN_PATTERN_BYTES, pattern } from '../journal/redactor.ts';

/** A line of a secret counts by itself from this length on: shorter ones are as good as any text. */
const MIN_LINE = 16;
/** What stands above and below a key in PEM is no secret. */
const PEM_FRAME = /^-----.*-----$/;

/** All forms of a secret, each once, as patterns of a Redactor. */
export function formsOf(secret: Buffer): Buffer[] {
  const text = secret.toString('utf8');
  const isText = Buffer.from(text).equals(secret);
  const forms = [pattern('exact', secret), ...base64Forms(secret)];
  if (isText) {
    const lines = text.split(/\r?\n/).filter((line) => line.length >= MIN_LINE && !PEM_FRAME.test(line));
    const texts = [text, ...(text.includes('\n') ? lines : [])];
    // Hosts in a URL and names of headers are written in lower case.
    forms.push(...texts.flatMap((one) => [textForm(one), textForm(one.toLowerCase())]));
  }
  const unique = new Map(forms.map((form) => [form.toString('latin1'), form]));
  return [...unique.values()].filter(({ length }) => length > MIN_PATTERN_BYTES);
}

const textForm = (text: string): Buffer => pattern('text', Buffer.from(text));

/** What of base64 depends on the secret alone, wherever in a longer text it begins. */
function base64Forms(secret: Buffer): Buffer[] {
  return [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), secret]).toString('base64');
    const first = Math.ceil((offset * 8) / 6);
    const last = Math.floor(((offset + secret.length) * 8) / 6);
    return pattern('base64', Buffer.from(encoded.slice(first, last)));
  });
}
