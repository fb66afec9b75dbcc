// Credits of a user, and every entry that made them.
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { dataOf, type Page } from '../../../src/client/calls.ts';
import type { LedgerEntry } from '../../../src/client/types.ts';
import { useCan, useExecd, useMe } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { Facts } from '../ui/facts.tsx';
import { Failed, Loading } from '../ui/states.tsx';
import { fullTime, shortId, whole } from '../words/format.ts';

export function AccountTab() {
  const me = useMe();
  const isAdmin = useCan('admin');
  const [user, setUser] = useState(me.user_id);
  const [typed, setTyped] = useState(user);
  return (
    <>
      {isAdmin && (
        <form
          className="tab-tools"
          onSubmit={(event) => {
            event.preventDefault();
            setUser(typed.trim() === '' ? me.user_id : typed.trim());
          }}
        >
          <label>
            User <input value={typed} onChange={({ target }) => setTyped(target.value)} />
          </label>
          <Button type="submit">Show</Button>
        </form>
      )}
      <Account key={user} user={user} />
    </>
  );
}

function Account({ user }: { user: string }) {
  const execd = useExecd();
  const path = { user_id: user };
  const account = useQuery({
    queryKey: ['account', user],
    queryFn: ({ signal }) => dataOf(execd.api.GET('/v1/accounts/{user_id}', { params: { path }, signal })),
  });
  const ledger = useInfiniteQuery({
    queryKey: ['ledger', user],
    queryFn: ({ pageParam, signal }): Promise<Page<LedgerEntry>> => {
      const query = pageParam === '' ? {} : { cursor: pageParam };
      return dataOf(execd.api.GET('/v1/accounts/{user_id}/entries', { params: { path, query }, signal }));
    },
    initialPageParam: '',
    getNextPageParam: ({ next_cursor: next }) => next ?? undefined,
    enabled: account.isSuccess,
  });
  if (account.error !== null) return <Failed error={account.error} />;
  if (account.data === undefined) return <Loading what="the account" />;
  const { balance, reserved, available } = account.data;
  const entries = ledger.data?.pages.flatMap(({ items }) => items) ?? [];
  return (
    <>
      <Facts
        rows={[
          ['User', user],
          ['Balance', whole(balance)],
          ['Reserved', whole(reserved)],
          ['Available', whole(available)],
        ]}
      />
      {ledger.isSuccess && entries.length === 0 && <p className="hint">The account has no entries.</p>}
      {entries.length > 0 && (
        <table tabIndex={0}>
          <thead>
            <tr>
              <th>Time</th>
              <th>Entry</th>
              <th className="is-number">Credits</th>
              <th className="is-number">Balance</th>
              <th>For</th>
            </tr>
          </thead>
          <tbody>
            {entries.map(({ position, at, kind, amount, balance_after: after, execution_id: of, note }) => (
              <tr key={position}>
                <td>{fullTime(at)}</td>
                <td>{kind}</td>
                <td className="is-number">{whole(amount)}</td>
                <td className="is-number">{whole(after)}</td>
                <td>{of === null ? note : <Link href={`/executions/${of}`}>…{shortId(of)}</Link>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {ledger.hasNextPage && <Button onClick={() => void ledger.fetchNextPage()}>Load more</Button>}
    </>
  );
}
