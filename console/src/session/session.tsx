// Who uses the console: the key they have given, the client that sends it, and what it allows. The key lives in the storage of
// this tab and nowhere else.
import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createContext, type ReactNode, use, useState, useSyncExternalStore } from 'react';
import { newKey } from '../../../src/client/calls.ts';
import { connect, type Execd } from '../../../src/client/connect.ts';
import { UnauthorizedError } from '../../../src/client/errors.ts';
import type { Me } from '../../../src/client/types.ts';
import { LiveEvents } from '../live/live-events.ts';
import { StatsRing } from '../live/stats-ring.ts';
import { Connection, type Reach } from './connection.ts';
import { EXECD_URL } from './place.ts';

const STORED = 'execd-key';
/** A console is left open over a night in which the server is updated. */
const OUTAGE_MS = 24 * 3_600_000;

/** What one tab has as long as one key is used. */
export interface Tab {
  /** Another one for each key: nothing that was read with one key is shown to another. */
  id: string;
  execd: Execd;
  connection: Connection;
  queries: QueryClient;
  live: LiveEvents;
  ring: StatsRing;
  hasKey: boolean;
  login: (key: string) => void;
  logout: () => void;
}

const TabContext = createContext<Tab | null>(null);
const MeContext = createContext<Me | null>(null);

function openTab(onKey: (key: string | null) => void): Tab {
  const key = sessionStorage.getItem(STORED);
  const connection = new Connection();
  const execd = connect({
    url: EXECD_URL,
    ...(key === null ? {} : { apiKey: key }),
    outageMs: OUTAGE_MS,
    fetch: connection.fetch,
    onRetry: connection.lost,
  });
  const queries = new QueryClient({
    queryCache: new QueryCache({
      // A key that has ended: who it belongs to is asked again, and the answer says why.
      onError: (error, { queryKey }) => {
        if (error instanceof UnauthorizedError && queryKey[0] !== 'me')
          void queries.invalidateQueries({ queryKey: ['me'] });
      },
    }),
    // The client itself repeats what can be repeated.
    defaultOptions: { queries: { retry: false, staleTime: 1000 }, mutations: { retry: false } },
  });
  return {
    id: newKey(),
    ...{ execd, connection, queries, ring: new StatsRing(execd) },
    live: new LiveEvents(execd, () => void queries.invalidateQueries()),
    hasKey: key !== null,
    login: (text) => onKey(text),
    logout: () => onKey(null),
  };
}

export function TabProvider({ children }: { children: ReactNode }) {
  const [tab, setTab] = useState(() => openTab(changeKey));
  function changeKey(key: string | null): void {
    if (key === null) sessionStorage.removeItem(STORED);
    else sessionStorage.setItem(STORED, key);
    setTab((before) => {
      before.live.stop();
      before.ring.stop();
      return openTab(changeKey);
    });
  }
  return (
    <TabContext value={tab}>
      <QueryClientProvider key={tab.id} client={tab.queries}>
        {children}
      </QueryClientProvider>
    </TabContext>
  );
}

export const MeProvider = MeContext.Provider;

export function useTab(): Tab {
  const tab = use(TabContext);
  if (tab === null) throw new Error('Nothing of the console is outside of its TabProvider.');
  return tab;
}

export const useExecd = (): Execd => useTab().execd;

/** Who is logged in. */
export function useMe(): Me {
  const me = use(MeContext);
  if (me === null) throw new Error('The screens are shown to who is logged in.');
  return me;
}

/** Whether the key allows it: what it does not allow is not offered. */
export function useCan(scope: Me['scopes'][number]): boolean {
  return useMe().scopes.includes(scope);
}

export function useReach(): Reach {
  const { connection } = useTab();
  return useSyncExternalStore(connection.subscribe, connection.current);
}
