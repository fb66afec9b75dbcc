// The query of the URL as state: what a screen shows can be bookmarked and sent to others.
import { useLocation, useSearch } from 'wouter';

/** All parameters, and a way to change some of them; an empty list takes one away. */
export function useQueryParams(): [
  URLSearchParams,
  (changes: Record<string, string | readonly string[] | null>) => void,
] {
  const params = new URLSearchParams(useSearch());
  const [path, navigate] = useLocation();
  const change = (changes: Record<string, string | readonly string[] | null>) => {
    const next = new URLSearchParams(window.location.search);
    for (const [name, value] of Object.entries(changes)) {
      next.delete(name);
      for (const one of value === null ? [] : [value].flat()) if (one !== '') next.append(name, one);
    }
    const query = next.toString();
    // The steps of typing are no places to go back to.
    navigate(query === '' ? path : `${path}?${query}`, { replace: true });
  };
  return [params, change];
}

export function useQueryParam(name: string): [string | null, (value: string | null) => void] {
  const [params, change] = useQueryParams();
  return [params.get(name), (value) => change({ [name]: value })];
}
