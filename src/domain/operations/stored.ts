// Operations that an administrator has put by API: kept in the store as they were given.

export interface StoredOperation {
  name: string;
  /** As in the operations file, as JSON. */
  definition: string;
  /** The user who stored it last. */
  by: string;
  /** Ms since the epoch. */
  at: number;
}

export const MAX_STORED_OPERATIONS = 1000;
/** Of a definition, as JSON. */
export const MAX_DEFINITION_BYTES = 256 * 1024;
