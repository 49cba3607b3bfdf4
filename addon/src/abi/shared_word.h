// Words that several processes read and write at once. C11 and BPF programs use the compiler's atomic
// built-ins on `value`; C++ uses the methods, which are those of std::atomic over the same built-ins.
#ifndef COSCANET_ABI_SHARED_WORD_H
#define COSCANET_ABI_SHARED_WORD_H

#include <assert.h>
#include <stdint.h>

#ifdef __cplusplus
#include <atomic>

template <typename T>
struct coscanet_shared {
  T value;

  T load(std::memory_order order = std::memory_order_seq_cst) const {
    return __atomic_load_n(&value, static_cast<int>(order));
  }
  void store(T to, std::memory_order order = std::memory_order_seq_cst) {
    __atomic_store_n(&value, to, static_cast<int>(order));
  }
  T exchange(T to, std::memory_order order = std::memory_order_seq_cst) {
    return __atomic_exchange_n(&value, to, static_cast<int>(order));
  }
  T fetch_add(T n, std::memory_order order = std::memory_order_seq_cst) {
    return __atomic_fetch_add(&value, n, static_cast<int>(order));
  }
  T fetch_or(T bits, std::memory_order order = std::memory_order_seq_cst) {
    return __atomic_fetch_or(&value, bits, static_cast<int>(order));
  }
  /// `expected` becomes what was found.
  bool compare_exchange(T& expected, T to, std::memory_order order = std::memory_order_seq_cst) {
    const bool releases = order == std::memory_order_acq_rel;
    return __atomic_compare_exchange_n(&value, &expected, to, false, static_cast<int>(order),
                                       releases ? __ATOMIC_ACQUIRE : static_cast<int>(order));
  }
};

typedef coscanet_shared<uint32_t> coscanet_u32;
typedef coscanet_shared<int32_t> coscanet_i32;
typedef coscanet_shared<uint64_t> coscanet_u64;

static_assert(__atomic_always_lock_free(sizeof(uint64_t), nullptr), "shared between processes");
#else
typedef struct {
  uint32_t value;
} coscanet_u32;
typedef struct {
  int32_t value;
} coscanet_i32;
typedef struct {
  uint64_t value;
} coscanet_u64;
#endif

static_assert(sizeof(coscanet_u32) == 4 && sizeof(coscanet_i32) == 4, "a word and nothing else");
static_assert(sizeof(coscanet_u64) == 8, "a word and nothing else");

#endif
