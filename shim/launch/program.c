// Can a preload library reach this program? A statically linked one makes system calls of its own, one of
// another architecture cannot load the library, and the loader drops the library for setuid programs.
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "launch.h"

#if defined(__x86_64__)
static const Elf64_Half kMachine = EM_X86_64;
#elif defined(__aarch64__)
static const Elf64_Half kMachine = EM_AARCH64;
#endif

enum { MAX_INTERPRETERS = 4 };

static int is_runnable(const char* path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

// As execvp: a name with a slash is a path, others are looked up in PATH. Ends the process if there is none.
static void find_program(const char* program, char* path) {
  if (strchr(program, '/') != NULL) {
    if (strlen(program) >= PATH_MAX) fail(EXIT_NOT_FOUND, "the program's path is too long");
    strcpy(path, program);
    if (access(path, F_OK) < 0) fail(EXIT_NOT_FOUND, "%s: %s", program, strerror(errno));
    if (!is_runnable(path)) fail(EXIT_CANNOT_RUN, "%s: not an executable file", program);
    return;
  }
  const char* list = getenv("PATH");
  if (list == NULL) list = "/bin:/usr/bin";
  for (const char* end = list; *program != 0 && end != NULL; list = end + 1) {
    end = strchr(list, ':');
    int length = (int)(end != NULL ? (size_t)(end - list) : strlen(list));
    int written = snprintf(path, PATH_MAX, "%.*s%s%s", length, list, length > 0 ? "/" : "", program);
    if (written < PATH_MAX && is_runnable(path)) return;
  }
  fail(EXIT_NOT_FOUND, "%s: command not found", program);
}

// "#!/usr/bin/env python3" → "/usr/bin/env". Returns 0 if the file is no script.
static int read_interpreter(const char* head, char* path) {
  if (head[0] != '#' || head[1] != '!') return 0;
  const char* start = head + 2 + strspn(head + 2, " \t");
  size_t length = strcspn(start, " \t\n");
  if (length == 0 || length >= PATH_MAX) return 0;
  memcpy(path, start, length);
  path[length] = 0;
  return 1;
}

static int has_interpreter(int fd, const Elf64_Ehdr* header) {
  for (int i = 0; i < header->e_phnum; i++) {
    Elf64_Phdr part;
    off_t offset = (off_t)(header->e_phoff + (Elf64_Off)i * header->e_phentsize);
    if (pread(fd, &part, sizeof part, offset) != (ssize_t)sizeof part) return 0;
    if (part.p_type == PT_INTERP) return 1;
  }
  return 0;
}

// The loader ignores LD_PRELOAD for a program that gains rights at exec. It may still be wanted (a wrapper
// that drops to the real server), so this is a warning.
static void warn_if_privileged(int fd, const char* path) {
  struct stat status;
  if (fstat(fd, &status) < 0) return;
  int gains_user = (status.st_mode & S_ISUID) && status.st_uid != geteuid();
  int gains_group = (status.st_mode & S_ISGID) && status.st_gid != getegid();
  int gains_capabilities = geteuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0;
  if (gains_user || gains_group || gains_capabilities) {
    fprintf(stderr, "coscanet-node run: warning: %s is %s: the loader drops the preload library for it\n",
            path, gains_capabilities ? "given file capabilities" : "setuid or setgid");
  }
}

void check_program(const char* program) {
  char path[PATH_MAX];
  find_program(program, path);
  for (int depth = 0; depth < MAX_INTERPRETERS; depth++) {
    union {
      Elf64_Ehdr header;
      char text[512];
    } head;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;  // may be run, not read (mode 0711): the kernel has the last word
    memset(&head, 0, sizeof head);
    ssize_t length = pread(fd, &head, sizeof head - 1, 0);
    if (length > 0 && read_interpreter(head.text, path)) {
      close(fd);
      continue;
    }
    if (length >= (ssize_t)sizeof head.header && memcmp(head.text, ELFMAG, SELFMAG) == 0) {
      if (head.header.e_ident[EI_CLASS] != ELFCLASS64 || head.header.e_machine != kMachine)
        fail(EXIT_USAGE, "%s is built for another architecture than libcoscanet.so, which it could not load",
             path);
      if (!has_interpreter(fd, &head.header))
        fail(EXIT_USAGE, "%s is statically linked: libcoscanet.so cannot reach it, it would bind unmanaged",
             path);
      warn_if_privileged(fd, path);
    }
    close(fd);
    return;
  }
}
