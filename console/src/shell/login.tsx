// The key is asked for once a tab, and tried at once.
import { useState } from 'react';
import { Button } from '../ui/button.tsx';
import { useTab } from '../session/session.tsx';

export function Login({ reason }: { reason: string }) {
  const { login, hasKey } = useTab();
  const [key, setKey] = useState('');
  return (
    <main className="login">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          login(key.trim());
        }}
      >
        <p className="wordmark" aria-hidden="true">
          execd
        </p>
        <h1>Log in</h1>
        <p id="login-why" role={hasKey ? 'alert' : undefined}>
          {hasKey ? reason : 'This server wants an API key, or a token of your identity provider.'}
        </p>
        <label htmlFor="key">API key or token</label>
        <input
          id="key"
          type="password"
          autoComplete="off"
          autoFocus
          spellCheck={false}
          aria-describedby="login-why"
          value={key}
          onChange={(event) => setKey(event.target.value)}
        />
        <Button look="main" type="submit" disabled={key.trim() === ''}>
          Log in
        </Button>
        <p className="hint">
          This tab keeps it until it is closed. It needs the scope <code>read</code>; other scopes show more.
        </p>
      </form>
    </main>
  );
}
