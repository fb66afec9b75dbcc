// The list: read page by page, and kept up to date by events. New executions come with the newest page, which is read again
// at most once a second however much happens.
import { type InfiniteData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import { dataOf, type Page } from '../../../src/client/calls.ts';
import type { Execution } from '../../../src/client/types.ts';
import { useEvents } from '../live/use-live.ts';
import { useExecd } from '../session/session.tsx';
import { applyEvents, byExecution } from './apply-event.ts';
import { apiFilter, type Filter, hasText } from './filter.ts';

const PAGE = 100;
/** So many of the newest ones are kept before the pages that were read after them. */
const MOST_NEW = 1000;
const REFRESH_MS = 1000;
/** In between, only what is new is read: events say what becomes of the rest. */
const WHOLE_MS = 15_000;
/** Executions of the same moment may be listed one after the other. */
const OVERLAP_MS = 1000;
/** A text is searched here: so many finds are wanted, among so many executions. */
const FINDS = 50;
const MOST_SEARCHED = 2000;

type Pages = InfiniteData<Page<Execution>, string | undefined>;

export interface Executions {
  rows: Execution[];
  /** Executions that were looked at for the text. */
  searched: number;
  isLoading: boolean;
  isLoadingMore: boolean;
  hasMore: boolean;
  loadMore: () => void;
  reload: () => void;
  error: Error | null;
}

export function useExecutions(filter: Filter): Executions {
  const execd = useExecd();
  const queries = useQueryClient();
  const { text, ...asked } = filter;
  const key = ['executions', asked];
  const read = async (
    cursor: string | undefined,
    { signal, after }: { signal?: AbortSignal; after?: string | undefined } = {},
  ): Promise<Page<Execution>> => {
    const query = {
      ...apiFilter(filter, Date.now()),
      limit: PAGE,
      ...(cursor !== undefined && { cursor }),
      ...(after !== undefined && { created_after: after }),
    };
    return dataOf(execd.api.GET('/v1/executions', { params: { query }, ...(signal && { signal }) }));
  };
  const list = useInfiniteQuery<Page<Execution>, Error, Pages, unknown[], string | undefined>({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => read(pageParam, { signal }),
    initialPageParam: undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchOnWindowFocus: false,
  });

  const wholeAt = useRef(Date.now());
  const refresh = useThrottled(async () => {
    const newest = queries.getQueryData<Pages>(key)?.pages[0]?.items[0];
    // What gets a status that is asked for may be old.
    const isWhole =
      newest === undefined || asked.status.length > 0 || Date.now() - wholeAt.current > WHOLE_MS;
    if (isWhole) wholeAt.current = Date.now();
    const { items } = await read(undefined, isWhole ? {} : { after: justBefore(newest) });
    queries.setQueryData<Pages>(key, (pages) => pages && withNewest(pages, items));
  }, REFRESH_MS);
  useEvents((events) => {
    const own = byExecution(events);
    queries.setQueryData<Pages>(key, (data) => {
      if (data === undefined) return data;
      const pages = data.pages.map((page) => ({ ...page, items: applyEvents(page.items, own) }));
      return { ...data, pages };
    });
    refresh();
  });

  const all = useMemo(() => newestFirst(list.data?.pages.flatMap(({ items }) => items) ?? []), [list.data]);
  const rows = useMemo(
    () => all.filter((one) => fits(one, filter) && hasText(one, text)),
    // The filter is another object each time; its key says whether it is another filter.
    [all, JSON.stringify(filter)],
  );
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = list;
  const searchesOn = text !== '' && rows.length < FINDS && all.length < MOST_SEARCHED;
  useEffect(() => {
    if (searchesOn && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [searchesOn, hasNextPage, isFetchingNextPage, fetchNextPage]);

  return {
    rows,
    searched: all.length,
    isLoading: list.isPending,
    isLoadingMore: isFetchingNextPage,
    hasMore: hasNextPage,
    loadMore: () => {
      if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
    },
    reload: () => void list.refetch(),
    error: list.error,
  };
}

const justBefore = ({ timestamps }: Execution): string =>
  new Date(Date.parse(timestamps.created) - OVERLAP_MS).toISOString();

/** What has changed meanwhile may no longer be among what was asked for. */
function fits({ status }: Execution, filter: Filter): boolean {
  return filter.status.length === 0 || filter.status.includes(status);
}

/** Each once. Ids grow with time. */
function newestFirst(items: readonly Execution[]): Execution[] {
  const byId = new Map<string, Execution>();
  for (const one of items) {
    const other = byId.get(one.id);
    if (other === undefined || other.revision <= one.revision) byId.set(one.id, one);
  }
  return [...byId.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
}

function withNewest({ pages, pageParams }: Pages, items: readonly Execution[]): Pages {
  const [first, ...rest] = pages;
  if (first === undefined) return { pages, pageParams };
  const merged = newestFirst([...first.items, ...items]).slice(0, MOST_NEW);
  return { pages: [{ ...first, items: merged }, ...rest], pageParams };
}

/** Calls at once, and once more at the end of a time in which it was asked for again. */
function useThrottled(call: () => Promise<void>, ms: number): () => void {
  const state = useRef({ isWaiting: false, isWanted: false });
  const latest = useRef(call);
  latest.current = call;
  const [run] = useState(() => () => {
    const now = state.current;
    if (now.isWaiting) {
      now.isWanted = true;
      return;
    }
    now.isWaiting = true;
    latest.current().catch(() => undefined);
    window.setTimeout(() => {
      now.isWaiting = false;
      if (now.isWanted) run();
      now.isWanted = false;
    }, ms);
  });
  return run;
}
