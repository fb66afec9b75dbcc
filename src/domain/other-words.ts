// Words that other systems have for the fields of execd: a request that is written for one of them gets a 400 that leads to
// the right field.

/** Pointers into the same object: most likely first. A word leads to a field only where the object has that field. */
const OTHER_WORDS: Readonly<Record<string, readonly string[]>> = {
  type: ['/kind', '/strategy/type'],
  commands: ['/steps'],
  tasks: ['/steps'],
  cmd: ['/command', '/program'],
  command: ['/program'],
  executable: ['/program'],
  arguments: ['/args'],
  parameters: ['/params'],
  tool: ['/name', '/operation'],
  working_dir: ['/cwd'],
  working_directory: ['/cwd'],
  workdir: ['/cwd'],
  dir: ['/cwd'],
  environment: ['/env'],
  env_vars: ['/env'],
  input: ['/stdin'],
  timeout: ['/timeouts/attempt_ms', '/timeouts/total_ms'],
  timeout_ms: ['/timeouts/attempt_ms', '/timeouts/total_ms'],
  timeout_secs: ['/timeouts/attempt_ms', '/timeouts/total_ms'],
  timeout_seconds: ['/timeouts/attempt_ms', '/timeouts/total_ms'],
  idle_timeout_ms: ['/timeouts/idle_ms'],
  max_output_size_bytes: ['/output/max_bytes'],
  max_output_bytes: ['/output/max_bytes'],
  oversized_output_strategy: ['/output/oversized'],
  max_retries: ['/retry/attempts'],
  retries: ['/retry/attempts'],
  max_attempts: ['/retry/attempts'],
  backoff: ['/retry/multiplier'],
  cache_ttl: ['/cache/ttl_s'],
  ttl: ['/cache/ttl_s'],
  metadata: ['/labels'],
  tags: ['/labels'],
  callback_url: ['/webhook/url'],
  webhook_url: ['/webhook/url'],
  stop_on_error: ['/strategy/stop_on_error'],
  max_concurrency: ['/strategy/max_concurrency'],
  dependencies: ['/depends_on', '/strategy/dependencies'],
  depends: ['/depends_on'],
  condition: ['/when'],
};

/** Where a word has its place outside of the body. Only for what is submitted. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  idempotency_key: 'a single request has it as the header Idempotency-Key',
  id: 'execd makes the ids of executions; to send a request twice without running it twice, use the header Idempotency-Key',
  execution_id: 'execd makes the ids of executions',
  user_id: 'the API key determines the user; administrators name another one with the header Execution-User',
  user: 'the API key determines the user; administrators name another one with the header Execution-User',
  session_id: 'execd groups executions by /task_id',
};
/** What a body that can be submitted has, and no other. */
const SUBMITTED = ['task_id', 'timeouts'];

/**
 * What may be meant by a field that an object does not have: a pointer to another one of its fields, or a remark.
 *
 * @param fields those that the object has
 */
export function hintFor(key: string, fields: readonly string[]): string | null {
  const words = Object.hasOwn(OTHER_WORDS, key) ? (OTHER_WORDS[key] as readonly string[]) : [];
  const found = words.find((pointer) => fields.includes(pointer.split('/')[1] as string));
  if (found !== undefined) return found;
  if (!Object.hasOwn(ELSEWHERE, key) || !SUBMITTED.every((one) => fields.includes(one))) return null;
  return ELSEWHERE[key] as string;
}
