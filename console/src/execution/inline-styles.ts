// The page allows no inline styles (its content security policy), and xterm.js writes some: style elements, and style attributes
// set as text. It is handed this document, in which both go the way that scripts may go: sheets and properties.

/** The document, with elements whose styles are not inline. */
export function pageWithoutInlineStyles(): Document {
  return new Proxy(document, {
    get(page, name) {
      if (name === 'createElement')
        return (tag: string) => (tag === 'style' ? sheetElement() : quiet(page.createElement(tag)));
      const value: unknown = Reflect.get(page, name);
      return typeof value === 'function' ? (value.bind(page) as unknown) : value;
    },
  });
}

/** A style element whose text becomes a sheet of the page as long as it is in the page. */
function sheetElement(): HTMLStyleElement {
  const element = document.createElement('style');
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  const remove = element.remove.bind(element);
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
    remove();
  };
  return Object.defineProperty(element, 'textContent', {
    get: () => '',
    set(text: string) {
      sheet.replaceSync(text);
    },
  });
}

function quiet<Kind extends HTMLElement>(element: Kind): Kind {
  const set = element.setAttribute.bind(element);
  element.setAttribute = (name, value) => {
    if (name === 'style') element.style.cssText = value;
    else set(name, value);
  };
  return element;
}
