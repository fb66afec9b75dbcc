// What the processes of an execution may use. The names are those of the wire, because an end names one of them.

interface LimitWords {
  least: number;
  about: string;
  /** Its setting: the most that a request may ask for, and what applies where it says nothing. */
  setting: string;
  /** What a command has done that went over it. */
  exceeded: (value: number) => string;
}

export const LIMITS = {
  cpu_s: {
    least: 1,
    about: 'Most CPU time of all processes together, seconds.',
    setting: 'EXECUTION_LIMIT_CPU_S',
    exceeded: (value) => `CPU time limit exceeded: ${value} s`,
  },
  memory_bytes: {
    least: 1_048_576,
    about: 'Most memory of all processes together, bytes.',
    setting: 'EXECUTION_LIMIT_MEMORY_BYTES',
    exceeded: (value) => `Memory limit exceeded: ${value} bytes`,
  },
  processes: {
    least: 1,
    about: 'Most processes at a time.',
    setting: 'EXECUTION_LIMIT_PROCESSES',
    exceeded: (value) => `Process limit exceeded: ${value} processes`,
  },
  file_bytes: {
    least: 0,
    about: 'Largest file that a process may write, bytes.',
    setting: 'EXECUTION_LIMIT_FILE_BYTES',
    exceeded: (value) => `File size limit exceeded: ${value} bytes`,
  },
  open_files: {
    least: 4,
    about: 'Most open files of each process.',
    setting: 'EXECUTION_LIMIT_OPEN_FILES',
    exceeded: (value) => `Open file limit exceeded: ${value} files`,
  },
  disk_bytes: {
    least: 65_536,
    about: 'Most bytes in the private directory.',
    setting: 'EXECUTION_LIMIT_DISK_BYTES',
    exceeded: (value) => `Disk limit exceeded: the private directory has more than ${value} bytes`,
  },
} as const satisfies Record<string, LimitWords>;

export type LimitName = keyof typeof LIMITS;
export const LIMIT_NAMES = Object.keys(LIMITS) as [LimitName, ...LimitName[]];

/** What is left out is not limited. */
export type ResourceLimits = Partial<Record<LimitName, number | undefined>>;

export const NO_LIMITS: ResourceLimits = Object.freeze({});

/** Makes something of each limit. */
export function eachLimit<T>(make: (name: LimitName) => T): Record<LimitName, T> {
  return Object.fromEntries(LIMIT_NAMES.map((name) => [name, make(name)])) as Record<LimitName, T>;
}

/** For each limit the smaller one of two. */
export function narrowest(one: ResourceLimits, other: ResourceLimits): ResourceLimits {
  const least = LIMIT_NAMES.map((name) => [name, Math.min(one[name] ?? Infinity, other[name] ?? Infinity)]);
  return Object.fromEntries(least.filter(([, value]) => value !== Infinity)) as ResourceLimits;
}
