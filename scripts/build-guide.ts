// Builds the docs site into dist/guide: README.md as its first page, docs/, CONTRIBUTING.md and the settings. A link that
// leads to no page fails the build.
//
//   node scripts/build-guide.ts        unless it is newer than the documents
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
/** The prepared pages. Below the root, so that they find the packages. */
const pages = join(root, 'build/guide');
const out = join(root, 'dist/guide');
const sources = [
  ...['README.md', 'CONTRIBUTING.md', '.env.example', 'docs/**/*', 'scripts/guide/*'],
  ...['scripts/build-guide.ts', 'package-lock.json'],
];
/** Below it, compressing costs more than it saves. */
const SMALL_BYTES = 1024;

/** Where a file of the checkout is on the site. */
const PLACES: Record<string, string> = {
  'README.md': 'index.md',
  'docs/README.md': 'contents.md',
  'CONTRIBUTING.md': 'contributing.md',
  '.env.example': 'settings.md',
};

function placeOf(path: string): string | null {
  if (PLACES[path] !== undefined) return PLACES[path];
  return path.startsWith('docs/') ? path.slice('docs/'.length) : null;
}

/** Links between files of the checkout become links between pages; of a file that is not on the site, only its name stays. */
function linksOf(text: string, file: string): string {
  const from = dirname(placeOf(file) ?? file);
  return text.replaceAll(
    /(!?)\[([^\]]*)\]\(([^)\s]+)\)/g,
    (link, image: string, label: string, target: string) => {
      if (/^(#|\w+:)/.test(target)) return link;
      const [path = '', anchor = ''] = target.split(/(?=#)/);
      const named = posix.join(dirname(file), path);
      if (named === 'openapi/openapi.json') return `<a href="/openapi.json" target="_self">${label}</a>`;
      const place = placeOf(named);
      if (place === null) return label.includes('`') ? label : `${label} (\`${named}\`)`;
      const way = posix.relative(from, place);
      return `${image}[${label}](${way.startsWith('.') ? way : `./${way}`}${anchor})`;
    },
  );
}

function write(file: string, text: string): void {
  const path = join(pages, placeOf(file) ?? file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** The groups of the sidebar are the tables of docs/README.md. */
function groupsOf(
  contents: string,
): { text: string; collapsed: boolean; items: { text: string; link: string }[] }[] {
  return contents
    .split(/^## /m)
    .slice(1)
    .map((section) => ({
      text: section.slice(0, section.indexOf('\n')),
      collapsed: false,
      items: [...section.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)].flatMap(([, text = '', target = '']) => {
        const place = placeOf(posix.join('docs', target));
        return place === null ? [] : [{ text, link: `/${place.replace(/\.md$/, '')}` }];
      }),
    }));
}

function prepare(): void {
  rmSync(pages, { recursive: true, force: true });
  const read = (file: string): string => readFileSync(join(root, file), 'utf8');
  for (const file of ['README.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: root })])
    write(file, linksOf(read(file), file));
  write('.env.example', `# Settings\n\n\`\`\`ini\n${read('.env.example')}\`\`\`\n`);
  cpSync(join(root, 'docs/images'), join(pages, 'images'), { recursive: true });
  const own = join(pages, '.vitepress');
  mkdirSync(join(own, 'theme'), { recursive: true });
  mkdirSync(join(pages, 'public'));
  copyFileSync(join(root, 'console/src/icon.svg'), join(pages, 'public/icon.svg'));
  copyFileSync(join(root, 'scripts/guide/config.ts'), join(own, 'config.ts'));
  copyFileSync(join(root, 'scripts/guide/theme.js'), join(own, 'theme/index.js'));
  copyFileSync(join(root, 'scripts/guide/style.css'), join(own, 'theme/style.css'));
  // That of the project has a target that the compiler of VitePress does not know yet.
  writeFileSync(join(pages, 'tsconfig.json'), '{}');
  writeFileSync(join(own, 'groups.json'), JSON.stringify(groupsOf(read('docs/README.md'))));
}

/** For the content security policy: the scripts and the styles that stand in the pages, by their hashes. */
function inlineOf(files: string[]): { scripts: string[]; styles: string[] } {
  const texts = files.map((file) => readFileSync(file, 'utf8'));
  const hashes = (pattern: RegExp): string[] => {
    const found = texts.flatMap((text) => [...text.matchAll(pattern)].map(([, inline = '']) => inline));
    const hash = (inline: string): string => `sha256-${createHash('sha256').update(inline).digest('base64')}`;
    return [...new Set(found.map(hash))].sort();
  };
  return {
    scripts: hashes(/<script(?![^>]*(?: src=|application\/json))[^>]*>([^]*?)<\/script>/g),
    styles: hashes(/<[^>]* style="([^"]*)"/g),
  };
}

function compress(files: string[]): void {
  for (const file of files) {
    const bytes = readFileSync(file);
    if (bytes.length < SMALL_BYTES || !/\.(html|js|css|svg|json)$/.test(file)) continue;
    writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
  }
}

function isBuilt(): boolean {
  const changedAt = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const builtAt = changedAt(join(out, 'inline.json'));
  return globSync(sources, { cwd: root }).every((path) => changedAt(join(root, path)) <= builtAt);
}

if (!isBuilt()) {
  const { build } = await import('vitepress');
  console.error('Building the docs site (some seconds) …');
  prepare();
  await build(pages, { outDir: out });
  const files = globSync('**/*', { cwd: out })
    .map((path) => join(out, path))
    .filter((path) => statSync(path).isFile());
  compress(files);
  const html = files.filter((path) => path.endsWith('.html'));
  writeFileSync(join(out, 'inline.json'), JSON.stringify(inlineOf(html)));
  rmSync(pages, { recursive: true });
}
