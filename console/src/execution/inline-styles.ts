// The page allows no inline styles (its content security policy), and xterm.js writes some: style elements, and style attributes of
// spans as text. Both go the way here that scripts may go: sheets and properties.

export interface StyledPage {
  /** The document, for xterm.js: what it makes as style elements are sheets of the page. */
  page: Document;
  /** Undoes it all. */
  end: () => void;
}

export function pageWithoutInlineStyles(): StyledPage {
  const sheets = new Set<CSSStyleSheet>();
  const page = new Proxy(document, {
    get(target, name) {
      if (name === 'createElement')
        return (tag: string) => (tag === 'style' ? sheetElement(sheets) : target.createElement(tag));
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const spans = HTMLSpanElement.prototype;
  spans.setAttribute = function setAttribute(name, value) {
    if (name === 'style') this.style.cssText = value;
    else Element.prototype.setAttribute.call(this, name, value);
  };
  return {
    page,
    end() {
      Reflect.deleteProperty(spans, 'setAttribute');
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => !sheets.has(one));
    },
  };
}

/** Stands for a style element: its text becomes a sheet of the page. */
function sheetElement(sheets: Set<CSSStyleSheet>): HTMLElement {
  const sheet = new CSSStyleSheet();
  sheets.add(sheet);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  return Object.defineProperty(document.createElement('template'), 'textContent', {
    get: () => '',
    set(text: string) {
      sheet.replaceSync(text);
    },
  });
}
