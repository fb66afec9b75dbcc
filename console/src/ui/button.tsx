import type { ButtonHTMLAttributes, ReactNode } from 'react';
import { Icon, type IconName } from './icon.tsx';

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  icon?: IconName;
  look?: 'plain' | 'main' | 'danger' | 'quiet';
  children?: ReactNode;
}

/** A button. One that has only an icon needs an `aria-label`. */
export function Button({ icon, look = 'plain', children, className = '', ...rest }: Props) {
  const label = rest['aria-label'];
  return (
    <button
      type="button"
      title={children === undefined ? label : undefined}
      {...rest}
      className={`button is-${look} ${className}`}
    >
      {icon !== undefined && <Icon name={icon} />}
      {children !== undefined && <span>{children}</span>}
    </button>
  );
}
