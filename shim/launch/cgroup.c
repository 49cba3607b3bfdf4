// The instance's cgroup: what tells the agent whose socket it binds.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launch.h"

// Room for the longest name that nests at each dash is far below PATH_MAX; what does not fit is refused.
static void append(char* path, const char* format, const char* text, size_t length) {
  size_t used = strlen(path);
  int added = snprintf(path + used, PATH_MAX - used, format, (int)length, text);
  if (added < 0 || (size_t)added >= PATH_MAX - used) fail(EXIT_USAGE, "the cgroup path is too long");
}

// Where cgroup v2 is mounted: alone, or beside v1 (hybrid).
static void find_mount(char* mount) {
  FILE* file = fopen("/proc/self/mountinfo", "re");
  char* line = NULL;
  size_t size = 0;
  *mount = 0;
  while (file != NULL && getline(&line, &size, file) > 0) {
    char point[PATH_MAX];
    const char* type = strstr(line, " - cgroup2 ");
    if (type != NULL && sscanf(line, "%*d %*d %*s %*s %4095s", point) == 1) strcpy(mount, point);
  }
  free(line);
  if (file != NULL) fclose(file);
  if (*mount == 0) fail(EXIT_CANNOT_RUN, "no cgroup v2 file system is mounted here");
}

static void make(const char* path) {
  if (mkdir(path, 0755) < 0 && errno != EEXIST) {
    fail(EXIT_CANNOT_RUN, "cannot make the cgroup %s: %s", path,
         errno == EACCES || errno == EPERM ? "only root can" : strerror(errno));
  }
}

// Makes each part of `path` after the first `from` characters.
static void make_all(char* path, size_t from) {
  for (char* slash = path + from; (slash = strchr(slash + 1, '/')) != NULL; *slash = '/') {
    *slash = 0;
    make(path);
  }
  make(path);
}

static int enter(const char* path) {
  char file[PATH_MAX + 16];
  snprintf(file, sizeof file, "%s/cgroup.procs", path);
  int fd = open(file, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t written = write(fd, "0", 1);
  int error = errno;
  close(fd);
  errno = error;
  return written == 1 ? 0 : -1;
}

void enter_instance_cgroup(const char* root, const char* application) {
  char path[PATH_MAX];
  find_mount(path);
  size_t mount = strlen(path);
  while (*root == '/') root++;
  size_t length = strlen(root);
  while (length > 0 && root[length - 1] == '/') length--;
  if (length > 0) append(path, "/%.*s", root, length);
  append(path, "/coscanet.slice%.*s", "", 0);
  for (const char* dash = application; dash != NULL;) {
    dash = strchr(dash + 1, '-');
    append(path, "/coscanet-%.*s.slice", application,
           dash != NULL ? (size_t)(dash - application) : strlen(application));
  }
  char pid[16];
  append(path, "/run-%.*s.scope", pid, (size_t)snprintf(pid, sizeof pid, "%d", getpid()));
  // The agent removes empty scopes and slices; one that goes between the making and the entering is made
  // again.
  for (int attempt = 0; attempt < 20; attempt++) {
    make_all(path, mount);
    if (enter(path) == 0) return;
    if (errno != ENOENT && errno != ENODEV) break;
  }
  fail(EXIT_CANNOT_RUN, "cannot enter the cgroup %s: %s", path, strerror(errno));
}
