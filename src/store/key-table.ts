// The keys of a store from outside of its server: what the command opens that makes keys. It works whether a server runs or not.
import type { ApiKey } from '../domain/access/api-key.ts';
import type { ApiKeysPart } from '../domain/ports/group.ts';

export interface KeyTable {
  all(): Promise<ApiKey[]>;
  /** Makes a change durable, or says what stands against it. */
  change(part: ApiKeysPart): Promise<'key_exists' | 'too_many_keys' | null>;
  close(): Promise<void>;
}
