import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Button } from './button.tsx';
import type { IconName } from './icon.tsx';

interface Props {
  label: string;
  icon: IconName;
  children: ReactNode;
  hasLabel?: boolean;
}

/** Things to do, below a button. A choice, a click elsewhere and Escape close it. */
export function Menu({ label, icon, children, hasLabel = false }: Props) {
  const [isOpen, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    const close = (event: Event) => {
      if (!(event.target instanceof Node && box.current?.contains(event.target) === true)) setOpen(false);
    };
    window.addEventListener('pointerdown', close);
    return () => window.removeEventListener('pointerdown', close);
  }, [isOpen]);
  return (
    <div
      className="menu"
      ref={box}
      onKeyDown={({ key }) => {
        if (key === 'Escape') setOpen(false);
      }}
    >
      <Button
        icon={icon}
        aria-label={label}
        aria-haspopup="true"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        {hasLabel ? label : undefined}
      </Button>
      {isOpen && (
        <div className="menu-items" onClick={() => setOpen(false)}>
          {children}
        </div>
      )}
    </div>
  );
}
