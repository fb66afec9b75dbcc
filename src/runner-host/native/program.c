// What a file is that could not be executed, for whoever has to mend it. The system says one word (execve(2)); what it means
// stands in the first bytes of the file, and in how its file system is mounted.
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "host.h"

/** The first bytes of a file; none where it cannot be read. */
struct head {
  uint8_t bytes[4096];
  size_t length;
};

static void read_head(const char *file, struct head *head) {
  struct stat stat_;
  head->length = 0;
  int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return;
  ssize_t length = fstat(fd, &stat_) == 0 && S_ISREG(stat_.st_mode) ? read(fd, head->bytes, sizeof head->bytes) : 0;
  if (length > 0) head->length = (size_t)length;
  close(fd);
}

static bool begins_with(const struct head *head, const char *bytes, size_t length) {
  return head->length >= length && memcmp(head->bytes, bytes, length) == 0;
}

static bool has_byte_order_mark(const struct head *head) {
  return begins_with(head, "\xef\xbb\xbf", 3) || begins_with(head, "\xff\xfe", 2) || begins_with(head, "\xfe\xff", 2);
}

bool begins_with_mark(const char *file) {
  struct head head;
  read_head(file, &head);
  return has_byte_order_mark(&head);
}

static bool is_elf(const struct head *head) { return begins_with(head, ELFMAG, SELFMAG); }

bool is_shell_text(const char *file) {
  struct head head;
  read_head(file, &head);
  if (is_elf(&head) || has_byte_order_mark(&head)) return false;
  const uint8_t *end = memchr(head.bytes, '\n', head.length);
  return memchr(head.bytes, 0, end == NULL ? head.length : (size_t)(end - head.bytes)) == NULL;
}

/** The program that an ELF file of 64 bits names to be loaded with. */
static const char *loader_of(const struct head *head) {
  Elf64_Ehdr file;
  if (head->length < sizeof file) return NULL;
  memcpy(&file, head->bytes, sizeof file);
  if (file.e_ident[EI_CLASS] != ELFCLASS64 || file.e_phentsize != sizeof(Elf64_Phdr)) return NULL;
  for (size_t i = 0; i < file.e_phnum; i++) {
    Elf64_Phdr part;
    size_t at = file.e_phoff + i * sizeof part;
    if (file.e_phoff > head->length || at + sizeof part > head->length) return NULL;
    memcpy(&part, head->bytes + at, sizeof part);
    if (part.p_type != PT_INTERP) continue;
    bool is_whole = part.p_filesz > 0 && part.p_offset < head->length && part.p_filesz <= head->length - part.p_offset;
    if (!is_whole || head->bytes[part.p_offset + part.p_filesz - 1] != 0) return NULL;
    return (const char *)head->bytes + part.p_offset;
  }
  return NULL;
}

bool interpreter_of(const char *file, char name[256]) {
  struct head head;
  read_head(file, &head);
  if (is_elf(&head)) {
    const char *loader = loader_of(&head);
    if (loader != NULL) snprintf(name, 256, "%s", loader);
    return loader != NULL;
  }
  if (!begins_with(&head, "#!", 2)) return false;
  char text[256] = "";
  memcpy(text, head.bytes + 2, head.length - 2 < sizeof text - 1 ? head.length - 2 : sizeof text - 1);
  char *begin = text + strspn(text, " \t");
  begin[strcspn(begin, " \t\n")] = 0;
  snprintf(name, 256, "%s", begin);
  return begin[0] != 0;
}

static const char *machine_name(uint16_t machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86_64";
    case EM_386:
      return "i386";
    case EM_AARCH64:
      return "aarch64";
    case EM_ARM:
      return "arm";
    case EM_RISCV:
      return "riscv";
    case EM_PPC64:
      return "ppc64";
    case EM_S390:
      return "s390x";
    default:
      return "another processor";
  }
}

static char *why_no_format(const struct head *head) {
  static const char said[] = "Exec format error (ENOEXEC)";
  if (is_elf(head) && head->length > offsetof(Elf64_Ehdr, e_machine) + 1) {
    uint16_t machine;
    memcpy(&machine, head->bytes + offsetof(Elf64_Ehdr, e_machine), sizeof machine);
    // Its own byte order: the other one is of another processor in any case.
    if (head->bytes[EI_DATA] == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2MSB : ELFDATA2LSB))
      machine = (uint16_t)(machine << 8 | machine >> 8);
    struct utsname system;
    uname(&system);
    return must_format("%s. It is a binary for %s, and this machine is %s", said, machine_name(machine), system.machine);
  }
  if (has_byte_order_mark(head))
    return must_format("%s. It begins with a byte order mark, so that the system does not see its first line: save it as UTF-8 without the mark", said);
  return must_format("%s. It is neither a script nor a binary of this system", said);
}

static char *why_no_access(const char *file) {
  static const char said[] = "Permission denied (EACCES)";
  struct statvfs disk;
  struct stat stat_;
  char name[256];
  if (stat(file, &stat_) == 0 && S_ISDIR(stat_.st_mode)) return must_copy("It is a directory");
  if (statvfs(file, &disk) == 0 && (disk.f_flag & ST_NOEXEC) != 0)
    return must_format("%s. Its file system is mounted noexec", said);
  if (stat(file, &stat_) == 0 && (stat_.st_mode & 0111) == 0)
    return must_format("%s. Nobody may execute it (mode %04o): use chmod +x, or give it to an interpreter", said,
                       stat_.st_mode & 07777u);
  if (interpreter_of(file, name) && access(name, X_OK) < 0 && errno == EACCES)
    return must_format("%s. Its interpreter \"%s\" is not an executable file", said, name);
  return must_copy(said);
}

char *why_not_executed(const char *file, int error) {
  struct head head;
  switch (error) {
    case ETXTBSY:
      return must_copy("Text file busy (ETXTBSY). A process has it open for writing");
    case ENOEXEC:
      read_head(file, &head);
      return why_no_format(&head);
    case EACCES:
      return why_no_access(file);
    default:
      return must_copy(strerror(error));
  }
}
