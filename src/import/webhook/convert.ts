// Makes operations with hooks of the hooks of adnanh/webhook. What cannot be kept is said, by hook and field; nothing is left
// out in silence: a hook that would run something else than before is not converted.
import { isAbsolute, join } from 'node:path';
import { issuesOf } from '../../domain/issues.ts';
import { webhookHook, type Remark, type WebhookHook } from './format.ts';
import { type Proof, readRule } from './rules.ts';
import { orElse, valueOf, type Reference } from './values.ts';

/** An operation of execd, and the secret of its hook. */
export interface Converted {
  hook: string;
  operation: string;
  definition: Readonly<Record<string, unknown>>;
  secret: { name: string; value: string | null };
}

export interface Conversion {
  converted: Converted[];
  remarks: Remark[];
}

export function convertHooks(file: unknown, user: string): Conversion {
  const converted: Converted[] = [];
  const remarks: Remark[] = [];
  if (!Array.isArray(file)) {
    const message = 'is not a list of hooks, as webhook has it';
    return { converted, remarks: [{ hook: '(file)', field: '', type: 'problem', message }] };
  }
  for (const [i, raw] of file.entries()) {
    const id = (raw as { id?: unknown } | null)?.id;
    const hook = typeof id === 'string' ? id : `number ${i + 1}`;
    const said: Remark[] = [];
    const say = (type: Remark['type'], field: string, message: string) =>
      void said.push({ hook, field, type, message });
    const parsed = webhookHook.safeParse(raw);
    if (!parsed.success) {
      for (const { path, message } of issuesOf(parsed.error))
        say(
          'problem',
          path.map(String).join('.'),
          `${message}; correct it, or remove it if it has no effect`,
        );
    }
    const made = parsed.success ? new OneHook(parsed.data, user, say).made() : null;
    const twin = converted.find(({ operation }) => operation === made?.operation);
    if (twin !== undefined)
      say(
        'problem',
        'id',
        `becomes the operation ${twin.operation}, as the id ${twin.hook} does; rename one`,
      );
    const problems = said.filter(({ type }) => type === 'problem');
    remarks.push(...(problems.length > 0 ? problems : said));
    if (made !== null && problems.length === 0) converted.push({ hook, ...made });
  }
  return { converted, remarks };
}

type Say = (type: Remark['type'], field: string, message: string) => void;

class OneHook {
  readonly #hook: WebhookHook;
  readonly #user: string;
  readonly #say: Say;
  readonly #parsed: ReadonlySet<string>;
  /** Expressions by the names of parameters. */
  readonly #params = new Map<string, string>();
  readonly #optional = new Set<string>();

  constructor(hook: WebhookHook, user: string, say: Say) {
    this.#hook = hook;
    this.#user = user;
    this.#say = say;
    this.#parsed = new Set(hook['parse-parameters-as-json'].map(({ name = '' }) => name));
  }

  made(): Omit<Converted, 'hook'> | null {
    const hook = this.#hook;
    const operation = operationNameOf(hook.id);
    if (operation === null) {
      this.#say('problem', 'id', 'has no letter or digit; give it a name');
      return null;
    }
    const { proof, when } = readRule(hook['trigger-rule'], this.#parsed, this.#say);
    const run = this.#run();
    this.#answers();
    const properties = Object.fromEntries([...this.#params.keys()].map((name) => [name, { type: 'string' }]));
    const required = Object.keys(properties).filter((name) => !this.#optional.has(name));
    const secret = { name: `hook_${operation}`.slice(0, 100), value: proof.secret };
    const definition = {
      ...(required.length + this.#optional.size === 0 ? {} : { params: { properties, required } }),
      run,
      hook: this.#hookOf(proof, secret.name, when),
    };
    return { operation, definition, secret };
  }

  #hookOf({ hook }: Proof, secret: string, when: string | null): object {
    const isRaw = this.#hook['include-command-output-in-response'];
    return {
      ...{ ...hook, secret, user: this.#user },
      ...(when === null ? {} : { when }),
      ...(this.#params.size === 0 ? {} : { params: Object.fromEntries(this.#params) }),
      answer: isRaw ? 'raw' : 'accepted',
    };
  }

  #run(): object {
    const { 'command-working-directory': cwd = '' } = this.#hook;
    const args = this.#hook['pass-arguments-to-command'].map((one, i) =>
      this.#slot(one, `pass-arguments-to-command.${i}`, false),
    );
    const env: Record<string, string> = {};
    for (const [i, one] of this.#hook['pass-environment-to-command'].entries())
      env[one.envname ?? `HOOK_${one.name ?? ''}`] = this.#slot(
        one,
        `pass-environment-to-command.${i}`,
        true,
      );
    const files = this.#files(env, cwd);
    return {
      kind: 'exec',
      program: this.#program(cwd),
      ...(args.length === 0 ? {} : { args }),
      ...(cwd === '' ? {} : { cwd: literal(cwd) }),
      ...(Object.keys(env).length === 0 ? {} : { env }),
      ...(files.length === 0 ? {} : { files }),
    };
  }

  /** Files lie in the private directory, which is the working directory unless the hook names another. */
  #files(env: Record<string, string>, cwd: string): object[] {
    return this.#hook['pass-file-to-command'].map((one, i) => {
      const field = `pass-file-to-command.${i}`;
      const variable = one.envname ?? `HOOK_${(one.name ?? '').toUpperCase()}`;
      const path = `hook/${i}`;
      env[variable] = path;
      if (cwd !== '') {
        const message = `execd puts the file at $HOME/${path}, and cannot name that place in ${variable}; leave out command-working-directory, or let the command read $HOME/${path}`;
        this.#say('problem', field, message);
      }
      const content = this.#slot(one, field, false);
      return { path, [one.base64decode === true ? 'base64' : 'content']: content };
    });
  }

  #program(cwd: string): string {
    const program = this.#hook['execute-command'];
    if (isAbsolute(program) || !program.includes('/')) return literal(program);
    if (isAbsolute(cwd)) return literal(join(cwd, program));
    const message = `${program} is not an absolute path; write it as one`;
    this.#say('problem', 'execute-command', message);
    return program;
  }

  /** The text, or the slot of a parameter whose expression is the value. */
  #slot(reference: Reference, field: string, mayBeAbsent: boolean): string {
    const value = valueOf(reference, this.#parsed);
    if ('problem' in value) {
      this.#say('problem', field, value.problem);
      return '';
    }
    if ('text' in value) return literal(value.text);
    const isOptional = mayBeAbsent && value.guard !== null;
    const expression = orElse(value, isOptional ? 'null' : '""');
    const known = [...this.#params].find(([, one]) => one === expression);
    const name = known?.[0] ?? this.#nameFor(reference);
    this.#params.set(name, expression);
    if (isOptional) this.#optional.add(name);
    return isOptional ? `{{${name}?}}` : `{{${name}}}`;
  }

  #nameFor({ source, name = '' }: Reference): string {
    const plain = (name === '' ? source : name).replaceAll(/[^A-Za-z0-9]+/g, '_').replaceAll(/^_+|_+$/g, '');
    const base = (/^[A-Za-z]/.test(plain) ? plain : `p_${plain}`).slice(0, 60);
    for (let n = 1; ; n++) {
      const made = n === 1 ? base : `${base}_${n}`;
      if (!this.#params.has(made)) return made;
    }
  }

  /** What the sender gets back, and what execd does otherwise there. */
  #answers(): void {
    const hook = this.#hook;
    const say = (field: keyof WebhookHook, message: string) => this.#say('change', field, message);
    const methods = hook['http-methods'].map((one) => one.trim().toUpperCase());
    if (methods.length > 0 && !methods.includes('POST'))
      this.#say(
        'problem',
        'http-methods',
        'hooks of execd accept only POST; configure the sender to use POST',
      );
    else if (methods.length > 1) say('http-methods', 'hooks of execd accept only POST');
    if (hook['response-message'] !== undefined)
      say('response-message', 'the response is {"result": "accepted", …}, or the output with answer: raw');
    if (hook['response-headers'].length > 0)
      say('response-headers', 'execd does not send custom headers; let a proxy in front of it add them');
    if (hook['success-http-response-code'] !== undefined)
      say('success-http-response-code', 'the status is 202, or 200 when the execution has ended');
    if (hook['trigger-rule-mismatch-http-response-code'] !== undefined)
      say(
        'trigger-rule-mismatch-http-response-code',
        'the status is 401 for a wrong proof, and 200 with "skipped" if `when` is false',
      );
    if (hook['include-command-output-in-response-on-error'])
      say(
        'include-command-output-in-response-on-error',
        'a run that fails before its first byte of output is a 422 with the last line of stderr',
      );
    if (hook['incoming-payload-content-type'] !== undefined)
      say(
        'incoming-payload-content-type',
        'execd reads the body by its Content-Type; if the sender writes another, use parse(body) in the expressions',
      );
    if (hook['trigger-signature-soft-failures'])
      say('trigger-signature-soft-failures', 'a wrong proof is always a 401');
    if (hook['pre-hook-command'] !== undefined)
      this.#say('problem', 'pre-hook-command', 'execd runs nothing before a hook; do it in the command');
  }
}

/** Braces that are no slot. */
const literal = (value: string): string => value.replaceAll('{{', '{{{{');

function operationNameOf(id: string): string | null {
  const name = id
    .toLowerCase()
    .replaceAll(/[^a-z0-9_.-]+/g, '-')
    .replaceAll(/^[^a-z0-9]+/g, '');
  if (name === '') return null;
  return (/^[a-z]/.test(name) ? name : `hook-${name}`).slice(0, 100);
}
