// The page says where it is in relative terms, so that it also works behind a proxy that puts a path before all of execd.

export interface Place {
  /** From the page to the console. */
  console: string;
  /** From the console to the root of execd. */
  root: string;
}

/** The marks in console/index.html that are replaced. */
const BASE = '<base href="./" />';
const ROOT = '<meta name="execd-root" content="./" />';

/** Where a page of a console at `path` is. */
export function placeOf(url: string, path: string): Place {
  const below = url.replace(/[?#].*$/s, '').slice(path.length);
  return { console: up(below), root: up(path.slice(1)) };
}

/** The way up from a path, which has a slash for each level. */
function up(path: string): string {
  const levels = path.split('/').length - 1;
  return levels === 0 ? './' : '../'.repeat(levels);
}

export function placed(page: string, { console, root }: Place): string {
  return page
    .replace(BASE, `<base href="${console}" />`)
    .replace(ROOT, `<meta name="execd-root" content="${root}" />`);
}
