// The docs site: how VitePress builds the pages that build-guide.ts has prepared. Copied beside them as .vitepress/config.ts.
import { readFileSync, writeFileSync } from 'node:fs';
import { transformerStyleToClass } from '@shikijs/transformers';
import { defineConfig } from 'vitepress';

/** The content security policy forbids styles in attributes: the colours of code are classes. */
const colours = transformerStyleToClass({ classPrefix: 'c-' });

interface Group {
  text: string;
  items: { text: string; link: string }[];
}

const groups = JSON.parse(readFileSync(new URL('groups.json', import.meta.url), 'utf8')) as Group[];

export default defineConfig({
  title: 'execd',
  description: 'A standalone HTTP execution service',
  base: '/docs/guide/',
  lang: 'en',
  // A page of its own in the address, so that every static server finds it.
  cleanUrls: false,
  // What is the same on all pages is a file, not an inline script of each page.
  metaChunk: true,
  // Otherwise a change of the theme adds a style to the page, which the content security policy refuses.
  appearance: { disableTransition: false },
  ignoreDeadLinks: 'localhostLinks',
  head: [
    ['link', { rel: 'icon', href: '/docs/guide/icon.svg', type: 'image/svg+xml' }],
    ['link', { rel: 'stylesheet', href: '/docs/guide/code.css' }],
  ],
  markdown: {
    codeTransformers: [colours],
    config(md) {
      // Braces in inline code are text, not expressions of Vue.
      md.renderer.rules.code_inline = (tokens, index, _options, _env, self) => {
        const token = tokens[index];
        if (token === undefined) return '';
        return `<code v-pre${self.renderAttrs(token)}>${md.utils.escapeHtml(token.content)}</code>`;
      };
    },
  },
  themeConfig: {
    siteTitle: 'execd',
    outline: [2, 3],
    search: { provider: 'local' },
    sidebar: [{ text: 'Start', link: '/' }, { text: 'All pages', link: '/contents' }, ...groups],
    nav: [
      { text: 'API', link: '/docs/', target: '_self' },
      { text: 'Console', link: '/', target: '_self' },
    ],
  },
  buildEnd: ({ outDir }) => writeFileSync(`${outDir}/code.css`, colours.getCSS()),
});
