/** What the process is, as far as the app needs to know. */
export interface Runtime {
  execPath: string;
  pid: number;
  /** Number of the user that it runs as; undefined where that is no matter. */
  uid?: number | undefined;
  /** Its name. */
  user?: string;
  /** The soft limit of open files that it was started with; undefined where that is unknown. */
  openFiles?: number;
  /** Where secrets may come from. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Part of the memory that it may take, of its container or of the machine; null where that is unknown. */
  memoryRatio?: () => number | null;
  /** Lines of the server's log that nobody took. */
  droppedLogLines?: () => number;
}
