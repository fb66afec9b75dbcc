// How API keys are read. They are written in the writer's transactions, and by the command that manages keys, which has a
// connection of its own. A version in `meta` grows with each change but use, so that readers see whether to read again.
export const API_KEYS_VERSION = `SELECT value FROM meta WHERE name = 'keys_version'`;
export const ALL_API_KEYS = 'SELECT * FROM api_keys ORDER BY created_at, id';
