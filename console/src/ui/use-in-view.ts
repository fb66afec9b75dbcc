// Brings what is chosen into view where a row of choices is wider than the screen.
import { type RefObject, useEffect, useRef } from 'react';

export function useInView<E extends HTMLElement>(isChosen: boolean): RefObject<E | null> {
  const element = useRef<E>(null);
  useEffect(() => {
    if (isChosen) element.current?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [isChosen]);
  return element;
}
