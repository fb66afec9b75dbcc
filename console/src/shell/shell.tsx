// What is around every screen: where one is, who one is, and whether execd can be reached.
import type { ReactNode } from 'react';
import { Link, useRoute } from 'wouter';
import { EXECD_URL } from '../session/place.ts';
import { useMe, useReach, useTab } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { useInView } from '../ui/use-in-view.ts';
import { ShortcutHelp } from './shortcuts.tsx';
import { setTheme, THEMES, useTheme } from './theme.ts';

export function Shell({ children }: { children: ReactNode }) {
  return (
    <div className="shell">
      <button type="button" className="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the content
      </button>
      <header className="bar">
        <Link href="/" className="wordmark" aria-label="execd: executions">
          execd
        </Link>
        <nav aria-label="Screens">
          <Place to="/" pattern={/^\/(executions\/.*)?$/}>
            Executions
          </Place>
          <Place to="/plans" pattern={/^\/plans/}>
            Plans
          </Place>
          <Place to="/schedules" pattern={/^\/schedules/}>
            Schedules
          </Place>
          <Place to="/approvals" pattern={/^\/approvals/}>
            Approvals
          </Place>
          <Place to="/system" pattern={/^\/system/}>
            System
          </Place>
          <SubmitPlace />
          <a className="place" href={`${EXECD_URL}/docs/guide/`}>
            Help
          </a>
        </nav>
        <div className="bar-end">
          <ReachLine />
          <ThemeButton />
          <User />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <ShortcutHelp />
    </div>
  );
}

function Place({ to, pattern, children }: { to: string; pattern: RegExp; children: string }) {
  const [isHere] = useRoute(pattern);
  const element = useInView<HTMLAnchorElement>(isHere);
  return (
    <Link ref={element} href={to} className="place" aria-current={isHere ? 'page' : undefined}>
      {children}
    </Link>
  );
}

function SubmitPlace() {
  const canSubmit = useMe().scopes.includes('submit');
  if (!canSubmit) return null;
  return (
    <Place to="/submit" pattern={/^\/submit/}>
      Submit
    </Place>
  );
}

function ReachLine() {
  const reach = useReach();
  return (
    <span className={`reach is-${reach}`} role="status">
      {reach === 'connected' ? 'live' : 'reconnecting …'}
    </span>
  );
}

function ThemeButton() {
  const theme = useTheme();
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
  return (
    <Button
      look="quiet"
      icon="theme"
      aria-label={`Theme: ${theme}. Change to ${next}`}
      onClick={() => setTheme(next)}
    />
  );
}

function User() {
  const { user_id: user, acting_user: acting } = useMe();
  const { hasKey, logout } = useTab();
  return (
    <>
      <span className="user" title={acting === null ? undefined : `${acting} acts for ${user}`}>
        {user}
      </span>
      {hasKey && <Button look="quiet" icon="leave" aria-label="Log out" onClick={logout} />}
    </>
  );
}
