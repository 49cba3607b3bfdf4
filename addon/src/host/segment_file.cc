#include "host/segment_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace coscanet {
namespace {

void read_boot_id(char* out) {
  memset(out, 0, kBootIdBytes);
  const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t length = read(fd, out, kBootIdBytes - 1);
  close(fd);
  if (length > 0) out[strcspn(out, "\n")] = 0;
}

int map(int descriptor, uint64_t length, MappedSegment* out) {
  void* memory = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) return errno;
  out->descriptor = descriptor;
  out->memory = static_cast<uint8_t*>(memory);
  out->length = length;
  return 0;
}

SegmentHeader* header_of(const MappedSegment& segment) {
  return reinterpret_cast<SegmentHeader*>(segment.memory);
}

bool fits(const MappedSegment& segment, const Limits& limits, const char* boot_id) {
  const SegmentHeader& header = *header_of(segment);
  return Segment::fits(header, limits, boot_id) && segment.length == header.bytes;
}

/// A new segment takes shape beside the old file and replaces it whole: processes of another version keep
/// theirs.
int make(const char* path, const Limits& limits, const char* boot_id, MappedSegment* out) {
  char temporary[4096];
  if (snprintf(temporary, sizeof temporary, "%s.new", path) >= static_cast<int>(sizeof temporary))
    return ENAMETOOLONG;
  HashKey key;
  if (getrandom(&key, sizeof key, 0) != static_cast<ssize_t>(sizeof key)) return EIO;
  const int fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  int error = ftruncate(fd, static_cast<off_t>(contiguous_bytes(limits))) == 0 ? 0 : errno;
  if (!error) error = map(fd, contiguous_bytes(limits), out);
  if (!error) {
    Segment::format(header_of(*out), limits, key, boot_id);
    if (rename(temporary, path) == 0) return 0;
    error = errno;
    munmap(out->memory, out->length);
  }
  close(fd);
  unlink(temporary);
  *out = {};
  return error;
}

}  // namespace

int open_segment_file(const char* path, const Limits& limits, MappedSegment* out) {
  char boot_id[kBootIdBytes];
  read_boot_id(boot_id);
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0 && errno != ENOENT) return errno;
  if (fd >= 0) {
    struct stat status {};
    if (fstat(fd, &status) == 0 && status.st_size >= static_cast<off_t>(sizeof(SegmentHeader)) &&
        map(fd, static_cast<uint64_t>(status.st_size), out) == 0) {
      out->adopted = true;
      if (fits(*out, limits, boot_id)) return 0;
      munmap(out->memory, out->length);
    }
    close(fd);
    *out = {};
  }
  return make(path, limits, boot_id, out);
}

int map_segment(int descriptor, MappedSegment* out) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0) return errno;
  if (status.st_size < static_cast<off_t>(sizeof(SegmentHeader))) return EINVAL;
  const int error = map(descriptor, static_cast<uint64_t>(status.st_size), out);
  if (error) return error;
  char boot_id[kBootIdBytes];
  read_boot_id(boot_id);
  const Limits limits = header_of(*out)->limits;
  if (fits(*out, limits, boot_id)) return 0;
  munmap(out->memory, out->length);
  *out = {};
  return EINVAL;
}

void close_segment(MappedSegment* segment) {
  if (segment->memory) munmap(segment->memory, segment->length);
  if (segment->descriptor >= 0) close(segment->descriptor);
  *segment = {};
}

}  // namespace coscanet
