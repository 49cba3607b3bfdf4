// The launcher's parts. Each reports its own errors in one line and ends the process with an exit code of
// coscanet-node run: 2 wrong usage or a program that cannot be served, 126 and 127 as shells use them.
#ifndef COSCANET_LAUNCH_H
#define COSCANET_LAUNCH_H

enum { EXIT_USAGE = 2, EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

// Prints "coscanet-node run: …" and exits with `code`.
void fail(int code, const char* format, ...) __attribute__((noreturn, format(printf, 2, 3)));

// Makes a cgroup for one instance of `application` below `root` (a path in the cgroup v2 tree) and moves this
// process into it: root/coscanet.slice/coscanet-NAME.slice/run-PID.scope, nested at dashes as systemd does.
void enter_instance_cgroup(const char* root, const char* application);

// Ends the process unless `program` (looked up in PATH as execvp does) can be reached by a preload library.
void check_program(const char* program);

#endif
