// The page allows no inline styles (its content security policy), and xterm.js writes some: style elements, and style attributes of
// spans as text. As long as a terminal is shown, both go the way that scripts may go: sheets and properties.

/** Returns what undoes it. */
export function withoutInlineStyles(): () => void {
  const sheets = new Set<CSSStyleSheet>();
  const spans = HTMLSpanElement.prototype;
  const make = Reflect.get(document, 'createElement') as (tag: string, options?: unknown) => HTMLElement;
  const createElement = (tag: string, options?: unknown) =>
    tag === 'style'
      ? sheetElement(make.call(document, 'template'), sheets)
      : make.call(document, tag, options);
  Object.assign(document, { createElement });
  spans.setAttribute = function setAttribute(name, value) {
    if (name === 'style') this.style.cssText = value;
    else Element.prototype.setAttribute.call(this, name, value);
  };
  return () => {
    Reflect.deleteProperty(document, 'createElement');
    Reflect.deleteProperty(spans, 'setAttribute');
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => !sheets.has(one));
  };
}

/** Stands for a style element: its text becomes a sheet of the page. */
function sheetElement(element: HTMLElement, sheets: Set<CSSStyleSheet>): HTMLElement {
  const sheet = new CSSStyleSheet();
  sheets.add(sheet);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  const text = {
    get: () => '',
    set(words: string) {
      sheet.replaceSync(words);
    },
  };
  return Object.defineProperties(element, { textContent: text, innerText: text, sheet: { value: sheet } });
}
