// How the page of the documents looks: it is execd's, not its vendor's.
const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" width="120" height="40" viewBox="0 0 120 40" role="img" aria-label="execd">
<text x="4" y="28" font-family="ui-monospace, monospace" font-size="26" font-weight="700" fill="#fff">execd</text></svg>`;
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#1b2a3a"/>
<path d="M4 5l3 3-3 3M8.5 11.5H12" fill="none" stroke="#fff" stroke-width="1.5"/></svg>`;
const SVG = 'image/svg+xml';

/** For @fastify/swagger-ui. The bar that loads documents from other places is of no use here. */
export const DOCS_LOOK = {
  logo: { type: SVG, content: Buffer.from(LOGO), href: '/docs', target: '_self' as const },
  theme: {
    title: 'execd API',
    favicon: [{ filename: 'favicon.svg', rel: 'icon', sizes: 'any', type: SVG, content: Buffer.from(ICON) }],
    css: [{ filename: 'execd.css', content: '.swagger-ui .topbar .download-url-wrapper { display: none; }' }],
  },
};
