// Brings what is chosen into view where a row of choices is wider than the screen. It moves the row only, never the page.
import { type RefObject, useEffect, useRef } from 'react';

export function useInView<E extends HTMLElement>(isChosen: boolean): RefObject<E | null> {
  const element = useRef<E>(null);
  useEffect(() => {
    const row = element.current?.parentElement;
    if (!isChosen || element.current === null || row == null) return;
    const [own, around] = [element.current.getBoundingClientRect(), row.getBoundingClientRect()];
    row.scrollLeft += own.left - around.left - (around.width - own.width) / 2;
  }, [isChosen]);
  return element;
}
