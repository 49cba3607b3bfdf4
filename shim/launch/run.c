// coscanet-node run: starts a program as an instance of an application. It enters the instance's cgroup, puts
// libcoscanet.so into LD_PRELOAD, and becomes the program: signals, exit status, limits and standard streams
// are the program's own.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launch.h"

static const char kUsage[] =
    "Usage: coscanet-node run --app NAME [options] [--] COMMAND [ARGUMENT...]\n"
    "\n"
    "Starts COMMAND as an instance of the application NAME. What it binds appears on the application's "
    "virtual IP.\n"
    "\n"
    "  --app NAME          the application, as the router's configuration names it\n"
    "  --cgroup-root PATH  where in the cgroup v2 tree applications live (default: /, COSCANET_CGROUP_ROOT)\n"
    "  --uid USER          run COMMAND as this user (name or number) with the user's groups\n"
    "  --help              this text\n"
    "\n"
    "Exit status: the command's; 2 wrong usage or a program that cannot be served; 126 cannot run; 127 not "
    "found.\n";

void fail(int code, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("coscanet-node run: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(code);
}

// The same rule as in the control protocol: lower-case letters, digits and dashes, not at the ends, at
// most 63.
static int is_name(const char* name) {
  size_t length = strlen(name);
  return length >= 1 && length <= 63 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length &&
         name[0] != '-' && name[length - 1] != '-';
}

struct options {
  const char* application;
  const char* cgroup_root;
  const char* user;
};

static struct options read_options(int count, char** values) {
  static const struct option known[] = {{"app", required_argument, NULL, 'a'},
                                        {"cgroup-root", required_argument, NULL, 'c'},
                                        {"uid", required_argument, NULL, 'u'},
                                        {"help", no_argument, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  struct options options = {NULL, getenv("COSCANET_CGROUP_ROOT"), NULL};
  int option;
  opterr = 0;
  while ((option = getopt_long(count, values, "+:", known, NULL)) != -1) {
    if (option == 'a') options.application = optarg;
    if (option == 'c') options.cgroup_root = optarg;
    if (option == 'u') options.user = optarg;
    if (option == ':') fail(EXIT_USAGE, "%s needs a value", values[optind - 1]);
    if (option == '?') fail(EXIT_USAGE, "unknown option %s (see --help)", values[optind - 1]);
    if (option == 'h') {
      fputs(kUsage, stdout);
      exit(0);
    }
  }
  if (options.application == NULL) fail(EXIT_USAGE, "--app NAME is missing (see --help)");
  if (!is_name(options.application))
    fail(EXIT_USAGE, "\"%s\" is no application name: use lower-case letters, digits and dashes, at most 63",
         options.application);
  if (options.cgroup_root == NULL || *options.cgroup_root == 0) options.cgroup_root = "/";
  if (optind >= count) fail(EXIT_USAGE, "the command is missing (see --help)");
  return options;
}

static struct passwd* find_user(const char* name) {
  char* end;
  struct passwd* user = getpwnam(name);
  if (user != NULL) return user;
  errno = 0;
  unsigned long number = strtoul(name, &end, 10);
  if (errno != 0 || *end != 0 || name[0] < '0' || name[0] > '9' || number >= UINT_MAX)
    fail(EXIT_USAGE, "there is no user %s", name);
  user = getpwuid((uid_t)number);
  // A number without an entry is legal, as for containers: its group has the same number.
  static struct passwd unnamed;
  unnamed.pw_uid = (uid_t)number;
  unnamed.pw_gid = (gid_t)number;
  return user != NULL ? user : &unnamed;
}

static void become(const struct passwd* user) {
  int groups = user->pw_name != NULL ? initgroups(user->pw_name, user->pw_gid) : setgroups(0, NULL);
  if (groups < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0)
    fail(EXIT_CANNOT_RUN, "cannot become the user %u: %s", user->pw_uid, strerror(errno));
}

// The library lies beside this executable. Checked before anything is made: the loader would only warn, and
// the program would bind unmanaged.
static void set_preload(const struct passwd* user) {
  char library[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", library, sizeof library - sizeof "libcoscanet.so");
  if (length <= 0) fail(EXIT_CANNOT_RUN, "cannot read /proc/self/exe: %s", strerror(errno));
  library[length] = 0;
  strcpy(strrchr(library, '/') + 1, "libcoscanet.so");
  uid_t own = geteuid(), reader = user != NULL ? user->pw_uid : own;
  if (seteuid(reader) < 0) fail(EXIT_CANNOT_RUN, "cannot become the user %u: %s", reader, strerror(errno));
  if (faccessat(AT_FDCWD, library, R_OK, AT_EACCESS) < 0)
    fail(EXIT_CANNOT_RUN, "the user %u cannot read %s: %s", reader, library, strerror(errno));
  if (seteuid(own) < 0) fail(EXIT_CANNOT_RUN, "cannot become the user %u: %s", own, strerror(errno));
  if (strpbrk(library, " :") != NULL)
    fail(EXIT_CANNOT_RUN, "%s: the loader takes no preload path with a space or colon", library);
  const char* others = getenv("LD_PRELOAD");
  char* value;
  if (asprintf(&value, "%s%s%s", library, others != NULL && *others != 0 ? ":" : "",
               others != NULL ? others : "") < 0 ||
      setenv("LD_PRELOAD", value, 1) < 0)
    fail(EXIT_CANNOT_RUN, "out of memory");
}

int main(int count, char** values) {
  struct options options = read_options(count, values);
  char** command = values + optind;
  const struct passwd* user = options.user != NULL ? find_user(options.user) : NULL;
  check_program(command[0]);
  set_preload(user);
  enter_instance_cgroup(options.cgroup_root, options.application);
  if (user != NULL) become(user);
  execvp(command[0], command);
  int error = errno;
  fail(error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN, "%s: %s", command[0], strerror(error));
}
