// What became of the files of an attempt. The names are those of the wire.
export interface FilesEnd {
  /** The first of them. */
  items: readonly { path: string; size: number; digest: string; media_type: string }[];
  count: number;
  bytes: number;
  /** What was asked for and is not kept, and why. */
  problems: readonly { path: string; reason: string }[];
  /** Files that were left in the private directory and that nobody asked for; the first of them by name. */
  left: { count: number; bytes: number; paths: readonly string[] };
}
