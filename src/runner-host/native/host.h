// The native runner host: what its parts share. docs/internals/runner-protocol.md says what a host does; README.md beside this file
// says how this one is built. One thread, the loop, owns all attempts; the other threads do what may block (start.c,
// journal.c, dirs.c), and hand back what they have finished through the mailbox.
#ifndef EXECD_HOST_H
#define EXECD_HOST_H

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#define PROTOCOL_NUMBER 11
#define PROTOCOL_VERSION "11"
#define TAIL_BYTES 4096
#define PIECE_BYTES 65536
/** The variable that tells whose a process is. */
#define MARKER "EXECD_RUN="

// ------------------------------------------------------------------------------------------ frames (wire.c)

/** How far a command is kept from everything else, from the weakest to the strongest. This host gives at least TIER_SUPERVISED. */
enum tier { TIER_NONE, TIER_SUPERVISED, TIER_UID, TIER_SANDBOX, TIERS };

enum stop_cause { STOP_CANCELLED, STOP_TOTAL_TIMEOUT, STOP_SHUTDOWN, STOP_CAUSES };

/** Which processes of a running attempt get its stop signal. */
enum stop_scope {
  /** All at once. */
  STOP_ALL,
  /** The first one alone; the others when it has ended. */
  STOP_MAIN,
  STOP_SCOPES
};

/** Codes of `exited`; NO_CAUSE is never sent. */
enum end_cause {
  END_EXITED,
  END_SIGNALLED,
  END_ATTEMPT_TIMEOUT,
  END_IDLE_TIMEOUT,
  END_OUTPUT_LIMIT,
  END_CANCELLED,
  END_TOTAL_TIMEOUT,
  END_SHUTDOWN,
  END_JOURNAL_FAILED,
  END_RESOURCE_LIMIT,
  NO_CAUSE
};

enum start_failure {
  PROGRAM_NOT_FOUND,
  PROGRAM_NOT_EXECUTABLE,
  INTERPRETER_NOT_FOUND,
  CWD_NOT_FOUND,
  CWD_NOT_DIRECTORY,
  CWD_NOT_ACCESSIBLE,
  ARGUMENTS_TOO_LONG,
  RESOURCES_UNAVAILABLE,
  JOURNAL_WRITE_FAILED,
  SPAWN_ERROR,
  LIMIT_UNAVAILABLE,
  ISOLATION_UNAVAILABLE,
  PROGRAM_BUSY,
  TERMINAL_UNAVAILABLE
};

/** What an attempt may use; NO_LIMIT is never sent. */
enum limit {
  LIMIT_CPU_S,
  LIMIT_MEMORY_BYTES,
  LIMIT_PROCESSES,
  LIMIT_FILE_BYTES,
  LIMIT_OPEN_FILES,
  LIMIT_DISK_BYTES,
  NO_LIMIT
};
#define UNLIMITED {-1, -1, -1, -1, -1, -1}

/** A list of strings; `items` has room for three more, and ends with NULL. */
struct strings {
  char **items;
  uint32_t count;
};

/** Adds an allocated text, which then belongs to the list; and frees a list of such texts. */
void strings_add(struct strings *strings, char *text);
void strings_free(struct strings *strings);

struct bytes {
  uint8_t *data;
  uint32_t length;
};

/** What is taken out of output: one block, with the bytes of all behind the list. */
struct patterns {
  struct bytes *items;
  uint32_t count;
};

/** What holds for all attempts. */
struct hello {
  const char *instance, *scratch_dir;
  /** The users that attempts run as, one each; none: 0. */
  uint32_t first_uid, uid_count;
  /** The program that makes sandboxes; empty: there is none. */
  const char *bwrap;
  /** What commands in a sandbox do not see. */
  struct strings hidden;
  /** The soft limit of open files that commands start with; 0: that of the host. */
  uint32_t open_files;
};

/** Numbers that a spec says of its process; SCALAR_FIELDS of protocol.ts. */
enum scalar { NICE, GIVEN_DIR, OPEN_STDIN, TTY_COLS, TTY_ROWS, PROGRESS, SCALARS };

/** A start frame. Its strings stand in `body`, which belongs to it; all are terminated by NUL. */
struct start {
  uint32_t ref;
  char *marker;
  enum tier isolation;
  bool has_network;
  char *journal, *program, *cwd, *private_dir;
  struct strings args, env;
  /** NULL: there is no script. */
  char *script_path;
  /** A script that the program reads; empty: none is looked at. */
  char *script_file;
  struct bytes script, stdin_bytes;
  bool has_stdin, fail_on_limit, has_nul;
  int64_t keep_bytes, attempt_ms, idle_ms;
  uint32_t grace_ms;
  /** Asks its processes to end. */
  int stop_signal;
  enum stop_scope stop_scope;
  /** On memory of its own: it is needed as long as there is output. */
  struct patterns redact;
  /** Negative: none. */
  int64_t limits[NO_LIMIT];
  uint8_t *body;
  /** Whose it is. */
  char *owner;
  /** Negative: as the system has it. */
  int64_t scalars[SCALARS];
  /** The directory that a sandbox has as its root; empty: that of this machine. */
  char *root;
  /** What may be written into that directory, to a layer in memory; 0: nothing. */
  int64_t layer_bytes;
  /** The socket of the server that a sandbox without network reaches hosts through; empty: there is none. */
  char *proxy;
  /** For a sandbox: the frame as it came, which is read again within. */
  struct bytes frame;
  /** Lines of the environment that did not come with the frame. */
  char *added[2];
};

/** What a server may say. Strings are valid during the call only, but for those of a start, which is handed over. */
struct listener {
  void *context;
  void (*hello)(void *context, const struct hello *hello);
  void (*start)(void *context, struct start *start);
  void (*stop)(void *context, uint32_t ref, enum stop_cause cause, uint32_t grace_ms);
  void (*deadline)(void *context, uint32_t ref, int64_t attempt_ms, int64_t idle_ms);
  void (*sweep)(void *context, uint32_t id, struct strings markers, struct strings paths);
  void (*hide)(void *context, struct strings hidden);
  void (*ping)(void *context, uint32_t id);
  /** The bytes are valid during the call only. */
  void (*input)(void *context, uint32_t ref, struct bytes bytes, bool is_last);
  void (*signal)(void *context, uint32_t ref, int number, enum stop_scope scope);
  void (*resize)(void *context, uint32_t ref, uint32_t cols, uint32_t rows);
  /** Milliseconds of CLOCK_MONOTONIC, and from then on. */
  void (*lease)(void *context, int64_t until_ms, uint32_t grace_ms);
};

/** Bytes of a stream that are not a whole frame yet. */
struct decoder {
  uint8_t *data;
  size_t length, size;
};

/** Where `length` more bytes may be read to. */
uint8_t *decoder_room(struct decoder *decoder, size_t length);
/**
 * Takes in bytes that were put into the room, and says what they complete.
 * Returns NULL, or what is wrong; then the stream cannot be used any further.
 */
const char *decoder_take(struct decoder *decoder, size_t length, const struct listener *listener);
/** Adds USER and LOGNAME to the environment where it has none. */
void start_add_user(struct start *start, const char *name);
void start_free(struct start *start);
/** Gives back what is not needed once the process runs: its input may be large, and it may run for long. */
void start_shrink(struct start *start);

/** The first signal of its kind that was sent, and when. */
struct sent_signal {
  int number;
  int64_t at;
};
/** The stop signal and SIGKILL. */
#define MAX_SENT 2
/** With SIG in front; valid until the next call. */
const char *signal_name(int number);

struct exited {
  uint32_t ref;
  enum end_cause cause;
  bool is_started, forced, is_output_lost;
  int32_t exit_code;
  const char *signal;
  uint32_t leftovers, survivors, records;
  int64_t started_at, ended_at;
  int64_t written[2], kept[2];
  int64_t cpu_ms, max_rss_bytes;
  struct bytes tails[2];
  const char *message;
  enum limit limit;
  struct sent_signal signals[MAX_SENT];
  uint32_t signal_count, found;
};

/** Frames on their way out. */
struct out {
  uint8_t *data;
  size_t length, size;
};

void out_ready(struct out *out, const char *name, uint32_t pid);
void out_started(struct out *out, uint32_t ref, uint32_t pid, int64_t at);
void out_start_failed(struct out *out, uint32_t ref, enum start_failure reason, const char *message);
void out_growth(struct out *out, uint32_t ref, const int64_t written[2]);
void out_progress(struct out *out, uint32_t ref, struct bytes bytes);
void out_exited(struct out *out, const struct exited *exited);
void out_swept(struct out *out, uint32_t id, uint32_t killed, uint32_t survivors);
void out_failure(struct out *out, const char *message);
void out_pong(struct out *out, uint32_t id);
void out_deadline_set(struct out *out, uint32_t ref, bool is_in_force);
void out_input_taken(struct out *out, uint32_t ref, int64_t taken, bool is_open);

// ------------------------------------------------------------------------------------------ basics (basics.c)

/** Memory or the end: a host that has none left cannot keep its promises. */
void *must_alloc(size_t size);
void *must_grow(void *memory, size_t size);
char *must_copy(const char *text);
char *must_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die(const char *what);

/** Milliseconds since the epoch, and nanoseconds of a clock that only goes forward. */
int64_t wall_ms(void);
int64_t now_ns(void);

#define MS 1000000LL

/** A call in the future; kept in a heap by the time at which it is due. */
struct timer {
  int64_t due_ns;
  /** 0: not set. */
  size_t place;
  void (*fn)(void *arg);
  void *arg;
};

void timer_set(struct timer *timer, int64_t due_ns);
void timer_clear(struct timer *timer);
/** Calls what is due; answers the nanoseconds to the next one, -1 when there is none. */
int64_t timers_run(void);

/** Something that another thread does, and that comes back when it is done. */
struct job {
  struct job *next;
  void (*work)(struct job *job);
  void (*done)(struct job *job);
};

/** One or more threads with a queue. */
struct workers;
/**
 * `most_threads`: more are made when all have something to do. `has_own_files`: for threads that start programs of the system. A fork copies the descriptors of its thread until the
 * program is executed. A copy of the descriptor through which a script is being written would make the script "busy", and
 * a copy of the end of a pipe would hold the end of an output back.
 */
struct workers *workers_start(int threads, int most_threads, bool has_own_files);
void workers_do(struct workers *workers, struct job *job);
/** Jobs that were handed out and have not come back. */
size_t jobs_open(void);
/** Becomes readable when jobs have come back. */
int mailbox_fd(void);
void mailbox_open(void);

// ------------------------------------------------------------------------------------------ the loop (loop.c)

/** Something with a descriptor that the loop listens to. */
struct source {
  void (*ready)(struct source *source);
  int fd;
};

void loop_prepare(void);
void loop_add(struct source *source);
/** The same for room to write. */
void loop_add_writer(struct source *source);
void loop_remove(struct source *source);
/** Waits for events, at most so long, and hands them to their sources. */
void loop_turn(int timeout_ms);
/** Writes what the server takes; what it does not take yet is written when it does. False when it is gone. */
bool loop_write(void);
/** Frames that are written at the end of the turn. */
extern struct out to_server;
/** The remover of directories, the writers of journals, the starter of processes, who measures directories. */
extern struct workers *removers, *writers, *starter, *measurer;
void workers_prepare(void);

struct attempt;

/** What the parts beneath tell of an attempt. What follows from it attempt.c decides, and calls them. */
struct facts {
  /** Events are about to be handed out. */
  void (*turn_begins)(void);
  struct attempt *(*find)(uint32_t ref);
  /** It has written something. */
  void (*wrote)(struct attempt *attempt);
  /** It has written more than it may. */
  void (*wrote_too_much)(struct attempt *attempt);
  /** One of its pipes has come to its end. */
  void (*stream_ended)(struct attempt *attempt);
  /** A write to its journal has ended: there is room again, or the disk has failed. */
  void (*journal_changed)(void *attempt);
  void (*journal_failed)(struct attempt *attempt);
  void (*is_over)(struct attempt *attempt, enum limit limit);
  /** Its sandbox has not been made in time. */
  void (*is_late)(struct attempt *attempt);
  /** The server has been told how it ended. */
  void (*reported)(struct attempt *attempt);
};
extern const struct facts *facts;
/** Threads that start commands, at most: one more is made when all others wait for starts that hang. */
#define STARTERS 128

// ------------------------------------------------------------------------------------------ journal (journal.c)

struct journal;

/** Creates the log, which must not exist. Returns 0 or an errno. Like the next one, for the starter alone. */
int journal_create(const char *path);
/** Tells of a log into which nothing was written, nor will be. */
void journal_stays_empty(const char *path);
/** `changed` is called in the loop after each write; `arg` goes with it. */
struct journal *journal_new(const char *path, void (*changed)(void *arg), void *arg);
/** Room for one piece while it is not full, and for the remains of a character always. */
uint8_t *journal_room(struct journal *journal);
/** Takes in bytes that stand at the beginning of the room. */
void journal_append(struct journal *journal, int stream, uint32_t length, int64_t time_ms);
bool journal_is_full(const struct journal *journal);
/** Bytes that were appended, and that were written and recorded. */
int64_t journal_size(const struct journal *journal);
const int64_t *journal_kept(const struct journal *journal);
uint32_t journal_records(const struct journal *journal);
/** An errno once a write has failed; nothing is written afterwards. */
int journal_error(const struct journal *journal);
/** Begins to write what was appended, unless a write goes on. */
void journal_flush(struct journal *journal);
/** Closes the files once all is written. True when they are closed. */
bool journal_close(struct journal *journal);
void journal_free(struct journal *journal);

// ------------------------------------------------------------------------------------------ directories (dirs.c)

struct private_dir {
  bool is_made;
  /** The server has made it, and removes it. */
  bool is_given;
  struct timespec changed_at;
};

/** For the starter alone. Returns 0 or an errno. */
int private_dir_make(struct private_dir *dir, const char *path, uid_t uid);
void private_dir_release(struct private_dir *dir, const char *path, uid_t uid);
void private_dirs_trim(void);
/** Removes anything, links not followed, later. */
void remove_later(const char *path);
/** Whether what measures directories is there; and what it says of one: -1 when it cannot. */
bool can_measure(void);
int64_t tree_bytes(const char *path);

// ------------------------------------------------------------------------------------------ processes (target.c, spawn.c, uids.c, sandbox.c, proc.c, families.c)

struct attempt;

struct refusal {
  enum start_failure reason;
  char *message;
};
/** Looks for the program and the working directory. Returns false with a reason and a message. */
bool find_target(const struct start *start, char **file, struct refusal *refusal);

struct spawned {
  pid_t pid;
  int pid_fd;
  int exec_errno;
  /** It was the working directory that could not be entered; it was the program, not what comes before it. */
  bool is_cwd, is_exec;
};
/** Whether a file may be a text for the shell: no binary, and not hidden behind a byte order mark. */
bool is_shell_text(const char *file);
/** Whether the first bytes of a file are a byte order mark. */
bool begins_with_mark(const char *file);
/** What a file names to be executed by; false where it names nothing. */
bool interpreter_of(const char *file, char name[256]);
/** What the system said of a file that it did not execute, and what that means. To be freed. */
char *why_not_executed(const char *file, int error);
void explain_exec(struct spawned spawned, const struct start *start, const char *file, struct refusal *refusal);

struct spawn_options {
  /** Its first three descriptors. */
  int stdio[3];
  /** Those after them; a negative one ends the list. */
  const int *passed;
  uint64_t tag;
  /** The first three are a terminal, which it is to be controlled by. */
  bool has_terminal;
  /** 0: the user of this process. */
  uid_t uid;
  /** What it adds to its badness when memory runs out (proc(5), oom_score_adj); NULL: as much as this process. */
  const char *oom_score;
  /** Where its number stands from its beginning on, for `spawn_kill`; NULL: nobody asks. */
  atomic_int *pid;
  /** Once set, the program is not executed any more. NULL: it is never set. */
  const atomic_bool *is_stopped;
};

/** What starters share belongs to the one that holds the lock; none holds it while it may wait for files of others. */
void starters_lock(void);
void starters_unlock(void);
/** Under the lock: returns when no child holds a copy of a descriptor of this host. */
void starters_settle(void);
/** Kills what is being started, if it is there. */
void spawn_kill(atomic_int *pid);

/** Starts a program in a session of its own. */
struct spawned spawn_process(const struct start *start, const char *file, const struct spawn_options *options);

/** The users that attempts run as. For the starter alone, but for the last one. */
bool uids_set(uint32_t first, uint32_t count);
bool uids_are_there(void);
/** Its name, or its number where it has none. */
const char *uid_name(uid_t uid);
/** A user that no process runs as; 0 when all are taken. */
uid_t uid_take(const char *owner);
void uid_give(uid_t uid);
/** Calls `look` while this thread has the rights of a user on files; 0: its own. What the user cannot see stays unknown. */
void as_user(uid_t uid, void (*look)(void *), void *arg);
/** Sends SIGKILL to all that runs as a user, as that user: the kernel does so at once, before any of them can fork. */
void uid_kill(uid_t uid);

/** Memory in System V segments of a user, and the end of all such objects of it (ipc.c). */
int64_t ipc_bytes(uid_t uid);
void ipc_remove(uid_t uid);

/** Words between the host and the first process of a sandbox, each a packet of its own. */
enum sandbox_word {
  /** To the host: the program runs. */
  SANDBOX_STARTED = 'S',
  /** And: it cannot be started; u8 reason, message. */
  SANDBOX_REFUSED = 'F',
  /** And: it has ended; its wait status. */
  SANDBOX_ENDED = 'E',
  /** To the sandbox: a signal (u8) and SIGCONT, for the command or (u8, not 0) for all that is in it. */
  SANDBOX_SIGNAL = 'T',
  /** And: a signal alone, to whom as before. */
  SANDBOX_SEND = 'N',
  /** And: SIGKILL, and the end. */
  SANDBOX_KILL = 'K'
};
void sandbox_set(const char *bwrap);
bool sandbox_is_there(void);

/** Real paths that are covered in a sandbox: none of them is below another one (hiding.c). */
struct hidden {
  struct strings dirs, files;
};
/** The places that are hidden from now on. */
void hidden_set(struct strings places);
/** What has to be covered now so that nothing at these places is seen. Returns NULL, or why that cannot be told, malloc'ed. */
char *hidden_now(struct hidden *hidden);
char *hidden_add(struct hidden *hidden, const char *place);
void hidden_free(struct hidden *hidden);
/** Places of sockets that were given a name in this network namespace. */
void sockets_find(struct strings *sockets);
/** Whether a path is a directory, or below it. */
bool is_below(const char *path, const char *dir);

/** The arguments of bwrap for another root directory (roots.c). NULL, or what is wrong, malloc'ed. */
char *root_add(struct strings *args, const char *root, const char *private_dir);
/** Whether a sandbox with this root has a place of its own there. */
bool root_has_place(const char *root, const char *place);
/** How names of hosts are looked up on this machine. */
void root_add_names(struct strings *args, const char *root);

struct sandbox {
  /** Why it cannot be made, malloc'ed; NULL where the system says it. */
  char *problem;
  /** Of the words. */
  int control;
  /** What bwrap has said of itself. */
  int said;
};
/** Places of which each sandbox has its own, in memory. */
extern const char *const sandbox_places[];

/** What the first process of a sandbox is told beside the start frame. */
struct sandbox_extra {
  /** The user that it is to become, having done what is left to do; 0: it is what it is to be. */
  uid_t uid;
  /** What may be written into its root directory; 0: nothing. */
  int64_t layer_bytes;
  /** That are to be covered; and what is to be put into a root directory that can be written to. */
  struct strings sockets, places;
};
/**
 * A user namespace (userns.c) whose users are those of this host's; `swapped`, which is not 0, changes places with root.
 * -1 with errno. For the starter alone.
 */
int userns_make(uid_t swapped);
/** Finishes a sandbox from within. `lower`: its root directory, see layer_lower. NULL, or why it cannot, malloc'ed. */
char *sandbox_settle(const struct sandbox_extra *extra, int lower);

/** A root directory (layer.c) whose files of root are a user's: a mount that is nowhere yet. -1 with errno. */
int layer_lower(const char *root, uid_t uid);
/** The arguments of bwrap for one that can be written to; where the host is not root, with its files. */
void layer_add(struct strings *args, const char *root, bool is_root);
/** Makes it the root directory. `lower`: -1 where the host is not root. NULL, or what is wrong, malloc'ed. */
char *layer_enter(const struct sandbox_extra *extra, int lower);
/** The user of commands in the sandboxes of a host that is root and has no users for them: "nobody". */
#define SANDBOX_USER 65534

/** For the starter alone. Starts bwrap, and in it this program as the first process, which then starts the command. */
struct spawned sandbox_spawn(const struct start *start, const struct spawn_options *options, struct sandbox *sandbox);
/** The first process of a sandbox (init.c). `user`: the name of the user, where the command has one of its own. */
int sandbox_init(const char *user);

/** Where the command of a sandbox finds its proxy, and how many connections it has at a time (relay.c). */
#define RELAY_PORT 3128
#define RELAY_CONNECTIONS 64
#define RELAY_SOURCES (1 + 2 * RELAY_CONNECTIONS)

/** Listens for the command, before that starts. `target`: a descriptor of the server's socket. NULL, or what is wrong. */
const char *relay_open(int target);
/** Lets this process have as many files as that takes; once the command, which has limits of its own, has started. */
void relay_make_room(void);
/** What to wait for now, RELAY_SOURCES at most; returns how many there are. Then: does what it has been waited for. */
size_t relay_wait(struct pollfd *sources);
void relay_turn(const struct pollfd *sources);

/** What a process of an attempt carries, inherited by all that it starts: see families.c. */
uint64_t tag_of(const char *marker);

struct process {
  pid_t pid, parent, group, session;
  char state;
  uint64_t start_time;
  /** Its own and that of children it has waited for, clock ticks. */
  uint64_t cpu_ticks;
  uid_t uid;
  /** The attempt that it belongs to, NULL when it is none's; set by scan. */
  struct attempt *owner;
};

/** Fills in what /proc says of a process; false when there is none. */
bool process_read(pid_t pid, struct process *process);
/**
 * Resident memory of a process; `is_exact`: only what nothing else holds, which takes longer, and without what files in
 * memory hold, which is added to `shared`. 0 when there is none.
 */
int64_t process_memory(pid_t pid, bool is_exact, int64_t *shared);
/** Memory that an attempt holds beside what its processes have mapped; some of it they may have mapped as well (memory.c). */
int64_t memory_held(const struct attempt *attempt, const struct process *processes, size_t count);
/** The tag of a process; 0 when it cannot be read. */
uint64_t process_tag(pid_t pid);
/** The value of a variable in its environment, malloc'ed; NULL when there is none. */
char *process_variable(pid_t pid, const char *prefix);
/** Sends a signal, if the number still means this process. */
void process_signal(const struct process *process, int signal);
/** Calls for every process whose number is at least `from`. */
void each_pid(pid_t from, void (*fn)(pid_t pid, void *arg), void *arg);
/** The number that was given out last. */
pid_t last_pid(void);

/** Reaps orphans that have ended. False: there is no orphan at all. */
bool orphans_reap(void);
/** The living processes of one attempt, its leader among them until it is reaped. Valid until the next call. */
size_t processes_of(struct attempt *attempt, struct process **found);
/** Whether a process is bwrap or the first one in its sandbox; and how many of those that were found are neither. */
bool holds_sandbox(const struct attempt *attempt, const struct process *process);
uint32_t of_command(const struct attempt *attempt, const struct process *found, size_t count);
/** Whether an attempt whose leader has been reaped has no process at all. */
bool family_is_empty(struct attempt *attempt);
/** What was seen of processes is old: to be called in each turn of the loop. */
void families_forget(void);
/** To be called when an attempt is submitted, when it has begun, and when it ends. */
void family_expect(struct attempt *attempt);
void family_add(struct attempt *attempt);
void family_remove(struct attempt *attempt);
/**
 * Kills what forks and ends faster than all processes can be looked at: only the newest numbers are. SIGKILL that comes
 * before a fork makes it fail, so that one hit ends it.
 */
void chase(struct attempt *attempt);
/** Kills everything that was ever started and still lives; for the end. */
void kill_all_orphans(void);

// ------------------------------------------------------------------------------------------ attempts (attempt.c)

/** Takes patterns out of a stream (redact.c). What it answers is malloc'ed. */
/** The bytes end before it is known whether they match; they do not match. */
#define MATCH_OPEN (-2)
#define MATCH_NONE (-1)
/** Where a match that begins at a place ends; MATCH_OPEN or MATCH_NONE. */
ssize_t match_escaped(struct bytes all, size_t from, struct bytes pattern, bool is_base64);
/** Notes the bytes that a match may begin with. */
void mark_beginnings(struct bytes pattern, bool is_base64, bool may_begin[256]);

struct redactor;
/** NULL where there is nothing to take out. */
struct redactor *redactor_new(const struct patterns *patterns);
/** Takes more in; answers what is known to be clean by now. */
struct bytes redactor_push(struct redactor *redactor, const uint8_t *piece, size_t length);
/** The end of the stream: what was held back, clean. */
struct bytes redactor_end(struct redactor *redactor);
void redactor_free(struct redactor *redactor);

struct stream {
  struct source source;
  struct attempt *attempt;
  int number;
  bool is_paused, is_wide;
  int64_t bytes;
  struct redactor *redactor;
  /** Clean bytes that wait for room in the journal, from `pending_at` on. */
  struct bytes pending;
  uint32_t pending_at;
  /** Bytes that were read, whatever was taken out of them or is held back. */
  int64_t read_bytes;
  bool has_ended;
  /** The beginning of a UTF-8 character. */
  uint8_t carried[4];
  uint32_t carried_length;
  uint8_t *tail;
  uint32_t tail_length;
};

/** What a client sends, on its way to the command. */
struct input {
  struct source source;
  /** Not written yet from `at` on. */
  uint8_t *data;
  size_t length, at;
  int64_t taken;
  /** Nothing comes after it; nothing is taken any more; it waits for room; its last byte has begun a line. */
  bool is_last, is_over, is_waiting, is_in_line;
};

enum phase {
  STARTING,
  RUNNING,
  /** The stop signal has been sent. */
  TERMINATING,
  /** The leader has ended; what others still write is read. */
  DRAINING,
  KILLING,
  /** Nothing lives; the pipes are read to their ends. */
  FINISHING,
  FLUSHING,
  ENDED
};

struct attempt {
  struct job job;
  struct start *start;
  struct attempt *next_in_table;
  /** Among those that are new, and among those that have ended. */
  struct attempt *next_in_line;
  /** Stopped before its start; read by the starter. */
  atomic_bool is_stopped_early;
  /** The process that is being started; 0: there is none yet, or none any more. */
  atomic_int starting_pid;
  /** Set by the starter. */
  struct spawned spawned;
  /** Of output; with a terminal, its other side, and none. */
  int pipes[2];
  /** Where input is written to; -1: there is none, or it stands in `input`. */
  int input_fd;
  /** Where the command's progress is read; -1: there is none, or it stands in `progress`. */
  int progress_fd;
  bool has_terminal;
  struct refusal refusal;
  bool is_refused, is_spawned, has_script, is_silent;
  /** Its own user; 0: there is none. */
  uid_t uid;
  /** The user that its files are given to: its own, or the one of all sandboxes; 0: that of this host. */
  uid_t user;
  bool is_sandboxed;
  struct sandbox sandbox;
  struct private_dir dir;
  int64_t started_at;

  enum phase phase;
  enum end_cause cause;
  uint32_t grace_ms;
  int64_t attempt_ms, idle_ms;
  int64_t started_ns, last_output_ns, phase_ends_ns;
  /** When SIGKILL is due; 0 before the stop signal. */
  int64_t grace_ends_ns;
  /** When the leader has ended. */
  int64_t drain_began_ns;
  struct timer attempt_timer, idle_timer, phase_timer, disk_timer;
  struct source leader, control;
  bool is_reaped, has_status;
  int status;
  int64_t cpu_us, max_rss_bytes;
  struct stream streams[2];
  struct input input;
  /** What the command says of its progress; `is_progress_ready`: there is something, which is read with the next growth. */
  struct source progress;
  bool is_progress_ready;
  struct journal *journal;
  bool has_grown;

  /** Among those whose processes are looked at. */
  struct attempt *next_watched;
  bool is_watched;
  /** Of END_RESOURCE_LIMIT. */
  enum limit limit;
  struct sent_signal signals[MAX_SENT];
  uint32_t signal_count;
  /** Processes that were there when it was told to end. */
  uint32_t found;
  bool forced;
  /** Something was ended that still held a pipe. */
  bool is_output_lost;
  uint32_t survivors;
  int64_t ended_at;
  /** Processes other than the leader that outlived it or had to be killed: pid and start time. */
  struct process *leftovers;
  uint32_t leftover_count;
  int64_t quiet_bytes, most_bytes;
  int quiet_ticks;
  int64_t pause_ns;
  bool has_been_killed;

  /** For families.c. */
  uint64_t tag, start_ticks, orphan_deaths;
  uint32_t pid_turn;
  bool is_in_family;
  struct attempt *next_by_tag, *next_live;

  /** Among those that starters have in hand. */
  struct attempt *next_starting;
  /** A hash of whose it is. */
  uint64_t owner;
  int64_t handed_ns;
  /** In hand for so long that others do not wait for it; reported although its start has not come back. */
  bool is_handed, is_slow, is_abandoned;
};

void attempt_submit(struct start *start);
/** Hands the new ones to the starter; not before, because the server may have stopped one in the same breath. */
void attempts_begin(void);
struct attempt *attempt_find(uint32_t ref);
/** Begins to listen to facts. */
void attempts_prepare(void);
void attempt_stop(struct attempt *attempt, enum stop_cause cause, uint32_t grace_ms);
/** Whether the new limits are in force. */
bool attempt_extend(struct attempt *attempt, int64_t attempt_ms, int64_t idle_ms);
void attempts_stop_all(uint32_t grace_ms);
size_t attempts_live(void);
/** Starts that were given up and have not come back from the system. */
size_t attempts_hanging(void);
/** A child of the host has ended: whoever waits for processes looks again. */
void attempts_look(void);
void attempts_send_growth(void);
/** Frees what has ended, and writes what was read, at the end of a turn. */
void attempts_end_turn(void);
/** Says a word to the first process of its sandbox; `signal` and `is_for_all` go with SANDBOX_SIGNAL. */
void attempt_tell(struct attempt *attempt, enum sandbox_word word, int signal, bool is_for_all);
void sandbox_close_control(struct attempt *attempt);
void attempt_hang_up(struct attempt *attempt);
/** Adds what a process has used. */
void attempt_add_usage(struct attempt *attempt, const struct rusage *usage);
/** The work of the starter (start.c). */
void start_work(struct job *job);
void attempt_release(struct attempt *attempt);

/** ending.c: asks its processes to end, kills them, looks whether they have ended, ends when its journal is written. */
void ending_terminate(struct attempt *attempt);
/** The leader has ended: what others still write is read, for so long; then they are asked to end. */
void ending_drain(struct attempt *attempt, int64_t until_ns);
/** Reading for others ends, or the grace ends, after `grace_ms` at the latest. */
void ending_hurry(struct attempt *attempt, uint32_t grace_ms);
void ending_stream_ended(struct attempt *attempt);
void ending_kill(struct attempt *attempt);
void ending_look(struct attempt *attempt);
void ending_flush(struct attempt *attempt);
void ending_report(struct attempt *attempt);
void ending_on_timer(void *attempt);
void attempt_set_phase(struct attempt *attempt, enum phase phase);
/** Whether one of its pipes has not come to its end. */
bool attempt_is_read(const struct attempt *attempt);
/** Reaps a process once it has ended; nobody waits for it. */
void reap_late(pid_t pid);
/** Attempts that wait for processes to end. */
size_t attempts_waiting(void);
/** Reaps leaders that ended after nobody waited for them any longer. */
void late_leaders_reap(void);

/** output.c. */
void stream_open(struct stream *stream, struct attempt *attempt, int number, int fd);
void stream_close(struct stream *stream);
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);
bool stream_is_open(const struct stream *stream);

/** live.c: takes over `input_fd`; more of the input, and its end; gives up what has not been taken. */
void input_open(struct attempt *attempt);
void input_add(struct attempt *attempt, struct bytes bytes, bool is_last);
void input_close(struct attempt *attempt);
/** progress.c: takes over `progress_fd`; sends what was said since the last growth; ends it. */
void progress_open(struct attempt *attempt);
void progress_send(struct attempt *attempt);
void progress_close(struct attempt *attempt);
void attempt_signal(struct attempt *attempt, int number, enum stop_scope scope);
void attempt_resize(struct attempt *attempt, uint32_t cols, uint32_t rows);

// ------------------------------------------------------------------------------------------ limits (limits.c)

/** The soft limit of open files where an attempt has no limit of its own; 0: that of this process. */
void limits_set_default(uint32_t open_files);
/** What may be used from here on; between the fork and the program. Calls the system only. Returns 0 or an errno. */
int limits_set(const int64_t limits[NO_LIMIT]);
/** What commands add to their badness when memory runs out, so that they are ended before the server and this host are. */
const char *limits_oom_score(void);
/** Looks now and then at what the processes of a running attempt use. */
void limits_watch(struct attempt *attempt);
void limits_unwatch(struct attempt *attempt);
/** Which limit has ended a command that has ended by itself. */
enum limit limit_of_end(const struct attempt *attempt);

// ------------------------------------------------------------------------------------------ sweep (sweep.c)

void sweep(const char *instance, uint32_t id, struct strings markers, struct strings paths);

#endif
