// Where the console is, and where execd is: the page says both, relative to its own address.
const root = document.querySelector<HTMLMetaElement>('meta[name="execd-root"]')?.content ?? './';

const withoutSlash = (url: string): string => url.replace(/\/+$/, '');

/** Address of execd, as the client wants it. */
export const EXECD_URL = withoutSlash(new URL(root, document.baseURI).href);
/** Path of the console, as the router wants it: empty at the root. */
export const BASE_PATH = withoutSlash(new URL(document.baseURI).pathname);
