// Icons, as strokes of a grid of 16: none is loaded.
const PATHS = {
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM10.4 10.4 13.5 13.5',
  copy: 'M5.5 5.5v-2h7v7h-2M3.5 5.5h7v7h-7Z',
  check: 'M3.6 8.4 6.6 11.4 12.4 4.8',
  download: 'M8 2.5v7M5 7l3 3 3-3M3 13h10',
  wrap: 'M2.5 4h11M2.5 8h8.5a2.2 2.2 0 0 1 0 4.4H8M9.6 10.8 8 12.4l1.6 1.6M2.5 12h3',
  down: 'M8 3v9M4.5 8.5 8 12l3.5-3.5',
  up: 'M8 13V4M4.5 7.5 8 4l3.5 3.5',
  clock: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM8 5v3.2l2 1.3',
  rerun: 'M12.5 8A4.5 4.5 0 1 1 11 4.6M11.2 2.2v2.6H8.6',
  stop: 'M4 4h8v8H4Z',
  edit: 'M3 13l.6-2.6 7-7 2 2-7 7ZM9.4 4.6l2 2',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  close: 'M4.2 4.2 11.8 11.8M11.8 4.2 4.2 11.8',
  theme: 'M8 2.5a5.5 5.5 0 1 0 0 11ZM8 2.5a5.5 5.5 0 0 1 0 11',
  keyboard: 'M2 4.5h12v7H2ZM4.5 7h.01M7 7h.01M9.5 7h.01M12 7h.01M5 9.3h6',
  warning: 'M8 2.8 14 13H2ZM8 6.6v3M8 11.2h.01',
  link: 'M6.8 9.2 9.2 6.8M7.4 4.9l1.2-1.2a2.6 2.6 0 0 1 3.7 3.7l-1.2 1.2M8.6 11.1l-1.2 1.2a2.6 2.6 0 0 1-3.7-3.7l1.2-1.2',
  plus: 'M8 3v10M3 8h10',
  leave: 'M6.5 3h-3v10h3M8.5 8H14M11.5 5.5 14 8l-2.5 2.5',
  filter: 'M2.5 4h11M4.5 8h7M6.5 12h3',
  back: 'M9.5 3.5 5 8l4.5 4.5',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.2 12.5 8 5 12.8Z',
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
