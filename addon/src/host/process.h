#pragma once
// Who a process is, beyond its reusable number; and taking over what it holds.
#include <cstdint>

namespace coscanet {

/// Field 22 of /proc/PID/stat (clock ticks since boot): with the pid it names one process for ever. 0: no
/// such.
uint64_t process_start_time(int pid);

/// Duplicates descriptors of a living process into this one (pidfd_getfd(2); needs the right to ptrace it).
/// 0, or an errno: ESRCH when it is gone or another process now has its number. Nothing stays open on
/// failure.
int take_descriptors(int pid, uint64_t start_time, const int* theirs, int* ours, unsigned count);

}  // namespace coscanet
