#pragma once

namespace coscanet {

/// Takes the lock of `path` (made if need be) for the rest of this process' life; `*locked` is false if
/// another process has it. 0, or an errno.
int lock_file(const char* path, bool* locked);

}  // namespace coscanet
