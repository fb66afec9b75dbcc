// Rows of a log of any length: only those that can be seen are in the page. Rows may have any height, so a place is a row and
// what of it is above the edge; the bar at the side says roughly where that is. At its end it stays at the end.
import {
  type ReactNode,
  type Ref,
  type RefObject,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';

/** Browsers have a largest height, some of 17 million pixels. */
const MOST_PX = 8_000_000;
const OVERSCAN = 12;
const IDLE_MS = 160;

export interface LogWindowHandle {
  scrollToRow: (row: number) => void;
  scrollToEnd: () => void;
  topRow: () => number;
}

interface Props {
  handle: Ref<LogWindowHandle>;
  count: number;
  /** Height of a row that is not wrapped. */
  rowPx: number;
  isWrapped: boolean;
  label: string;
  renderRow: (row: number) => ReactNode;
  /** Whether the end is shown, and new rows move it on. */
  isPinned: boolean;
  onPinned: (isPinned: boolean) => void;
}

/** A row, and how much of it is above the upper edge. */
interface Place {
  row: number;
  px: number;
}

/** How the rows lie, as if each had the height of one. */
function layoutOf({ count, rowPx, isWrapped, isPinned }: Props, viewPx: number, topRow: number) {
  const totalPx = count * rowPx;
  const visible = Math.ceil(viewPx / rowPx) + 1;
  const first = isPinned
    ? Math.max(0, count - visible - OVERSCAN)
    : Math.max(0, Math.min(topRow, count - 1) - OVERSCAN);
  return {
    ...{ totalPx, visible, first },
    heightPx: Math.min(totalPx, MOST_PX),
    isExact: !isWrapped && totalPx <= MOST_PX,
    last: Math.min(count, first + visible + 2 * OVERSCAN),
  };
}

function useViewPx(scroller: RefObject<HTMLDivElement | null>): number {
  const [viewPx, setViewPx] = useState(600);
  useLayoutEffect(() => {
    const box = scroller.current;
    if (box === null) return;
    const observer = new ResizeObserver(() => setViewPx(box.clientHeight));
    observer.observe(box);
    return () => observer.disconnect();
  }, [scroller]);
  return viewPx;
}

/** The place as the rows lie that are in the page; null when they have all been left behind. */
function placeSeen(box: HTMLElement, block: HTMLElement | null, first: number): Place | null {
  const edge = box.getBoundingClientRect().top;
  const rows = [...(block?.children ?? [])];
  const at = rows.findIndex((row) => row.getBoundingClientRect().bottom > edge + 0.5);
  const top = rows[at]?.getBoundingClientRect().top;
  if (top === undefined || (at === 0 && top > edge + 1)) return null;
  return { row: first + at, px: edge - top };
}

export function LogWindow(props: Props) {
  const { handle, count, rowPx, isWrapped, label, renderRow, isPinned, onPinned } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const block = useRef<HTMLDivElement>(null);
  const place = useRef<Place>({ row: 0, px: 0 });
  const idle = useRef<number | undefined>(undefined);
  const viewPx = useViewPx(scroller);
  const [topRow, setTopRow] = useState(0);
  const { totalPx, heightPx, isExact, visible, first, last } = layoutOf(props, viewPx, topRow);

  const mostTop = () => Math.max(0, heightPx - (scroller.current?.clientHeight ?? 0));
  const placeFor = (scrollTop: number): Place => {
    const top =
      isExact || mostTop() === 0 ? scrollTop : (scrollTop / mostTop()) * Math.max(0, totalPx - viewPx);
    return { row: Math.floor(top / rowPx), px: top % rowPx };
  };
  const setPlace = (next: Place) => {
    place.current = next;
    setTopRow(next.row);
  };
  const settle = () => {
    const box = scroller.current;
    if (box === null || isExact || isPinned) return;
    // The bar follows what was scrolled, row by row.
    const part = (place.current.row * rowPx) / Math.max(1, totalPx - viewPx);
    const wanted = Math.round(Math.min(1, part) * mostTop());
    if (Math.abs(wanted - box.scrollTop) > viewPx) {
      box.scrollTop = wanted;
      position();
    }
  };
  const onScroll = () => {
    const box = scroller.current;
    if (box === null) return;
    const isAtEnd = box.scrollTop >= mostTop() - 2;
    if (isAtEnd !== isPinned) onPinned(isAtEnd);
    if (isAtEnd) return;
    setPlace((isExact ? null : placeSeen(box, block.current, first)) ?? placeFor(box.scrollTop));
    window.clearTimeout(idle.current);
    idle.current = window.setTimeout(settle, IDLE_MS);
  };

  /** Puts the rows where the place says. */
  function position(): void {
    const box = scroller.current;
    const rows = block.current;
    if (box === null || rows === null) return;
    if (isPinned) {
      box.scrollTop = mostTop();
      rows.style.transform = `translateY(${heightPx - rows.offsetHeight}px)`;
    } else if (isExact) {
      rows.style.transform = `translateY(${first * rowPx}px)`;
    } else {
      const top = (rows.children[place.current.row - first] as HTMLElement | undefined)?.offsetTop ?? 0;
      rows.style.transform = `translateY(${box.scrollTop - place.current.px - top}px)`;
    }
  }
  useLayoutEffect(position);
  useImperativeHandle(handle, () => ({
    topRow: () => (isPinned ? Math.max(0, count - visible + 1) : place.current.row),
    scrollToEnd: () => onPinned(true),
    scrollToRow(row) {
      const box = scroller.current;
      if (box === null) return;
      const next = { row: Math.max(0, Math.min(row, count - 1)), px: 0 };
      onPinned(false);
      setPlace(next);
      const part = (next.row * rowPx) / Math.max(1, totalPx - viewPx);
      box.scrollTop = isExact ? next.row * rowPx : Math.min(1, part) * mostTop();
    },
  }));

  const rows: ReactNode[] = [];
  for (let row = first; row < last; row++) rows.push(renderRow(row));
  return (
    <div
      ref={scroller}
      className="log-scroll"
      onScroll={onScroll}
      tabIndex={0}
      role="region"
      aria-label={label}
    >
      <div className="log-space" style={{ height: heightPx }}>
        <div ref={block} className={isWrapped ? 'log-rows is-wrapped' : 'log-rows'}>
          {rows}
        </div>
      </div>
    </div>
  );
}
