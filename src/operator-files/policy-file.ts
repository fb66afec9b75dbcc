// The policy file: who may run what, and how much. Read at start and again when asked to; the rules that apply now are
// always those of one whole file.
import { hash } from 'node:crypto';
import {
  type AccessRules,
  accessRules,
  type PolicyDefinition,
  policyFile,
  policyIssues,
  type Quotas,
} from '../domain/access/access-rules.ts';
import { fieldMessage } from '../domain/field-messages.ts';
import type { IsolationTier } from '../domain/isolation.ts';
import { type Issue, issuesOf } from '../domain/issues.ts';
import { canonicalJson } from '../domain/json.ts';
import type { Log } from '../domain/ports/clock.ts';
import { runsOthers } from '../domain/access/runs-others.ts';
import type { LiveFile } from './live-files.ts';
import { inOrder, parseYaml, type Read, readGuarded } from './read-yaml.ts';

const MAX_FILE_BYTES = 4 * 1024 * 1024;
/** Digits of the version: enough to tell files apart, short enough to be read. */
const VERSION_DIGITS = 16;

export interface PolicyOptions {
  /** Null: there is no file. */
  path: string | null;
  /** What holds where the file says nothing. */
  quotas: Quotas;
  /** The isolation tiers that this server offers now. */
  tiers: () => readonly IsolationTier[];
  /** Called when other rules apply. */
  onChange: (rules: AccessRules) => void;
  log: Log;
}

export interface LiveRules {
  readonly file: LiveFile;
  readonly current: AccessRules;
}

export function liveRules({ path, quotas, tiers, onChange, log }: PolicyOptions): LiveRules {
  let current = accessRules(null, quotas);
  return {
    get current() {
      return current;
    },
    file: {
      setting: 'EXECUTION_POLICY_FILE',
      path,
      refusal: 'invalid_policy_file',
      prepare() {
        const read = readPolicyFile(path as string, tiers());
        if ('problems' in read) return read.problems;
        return () => {
          onChange((current = accessRules(read, quotas)));
          warnOf(read.definition, log);
        };
      },
    },
  };
}

/** A list of programs that holds a shell, under whatever name, is no list. */
function warnOf(definition: PolicyDefinition, log: Log): void {
  const found = runsOthers(definition);
  if (found.length === 0) return;
  const names = found.map(({ path, program }) => `${path} (${program})`).join(', ');
  const what = 'these programs accept any arguments outside of a sandbox, and run other programs';
  log.warn({ found }, `The policy file allows users to run anything: ${what}: ${names}`);
}

/** Reads and checks a file. */
export function readPolicyFile(
  path: string,
  tiers: readonly IsolationTier[],
): Read<{ definition: PolicyDefinition; version: string }> {
  const read = readGuarded(path, MAX_FILE_BYTES);
  return 'problems' in read ? read : parsePolicy(read.text, tiers);
}

/** Checks the text of a file. */
export function parsePolicy(
  text: string,
  tiers: readonly IsolationTier[],
): Read<{ definition: PolicyDefinition; version: string }> {
  const parsed = parseYaml(text);
  if ('problems' in parsed) return parsed;
  const file = policyFile.safeParse(parsed.value ?? {}, { error: fieldMessage });
  const issues: Issue[] = file.success ? policyIssues(file.data, tiers) : issuesOf(file.error);
  if (!file.success || issues.length > 0) return inOrder(issues, parsed);
  const version = hash('sha256', canonicalJson(file.data)).slice(0, VERSION_DIGITS);
  return { definition: file.data, version };
}
