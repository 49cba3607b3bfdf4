#pragma once
// Flows whose value can be told from their key: a reader who gets a torn one, half of one flow and half of
// another, sees it.
#include "core/flow_table.h"

namespace coscanet::test {

constexpr uint32_t kTimeout = 1000;

inline FlowKey key_of(uint32_t number) {
  FlowKey key;
  const uint8_t client[] = {10, static_cast<uint8_t>(number >> 16), static_cast<uint8_t>(number >> 8),
                            static_cast<uint8_t>(number)};
  const uint8_t vip[] = {172, client[3], client[2], client[1]};
  key.client = Address::v4(client);
  key.vip = Address::v4(vip);
  key.client_port = static_cast<uint16_t>(number * 7 + 1);
  key.port = static_cast<uint16_t>(number * 13 + 1);
  key.protocol = 6;
  return key;
}

inline uint32_t number_of(const FlowKey& key) {
  uint8_t v4[4];
  key.client.store_v4(v4);
  return static_cast<uint32_t>(v4[1]) << 16 | static_cast<uint32_t>(v4[2]) << 8 | v4[3];
}

/// What anyone may store under a key: the slot says which key, the generation how often it was changed.
inline Flow flow_of(uint32_t number, uint16_t turn, FlowState state) {
  Flow flow;
  flow.endpoint = {static_cast<uint16_t>(number * 31 + 5), turn};
  flow.state = state;
  return flow;
}
inline bool belongs(uint32_t number, const Flow& flow) {
  return flow.endpoint.slot == static_cast<uint16_t>(number * 31 + 5) &&
         static_cast<unsigned>(flow.state) <= static_cast<unsigned>(FlowState::udp);
}

/// Is everything that can be read of the record its own?
inline bool is_whole(const FlowTable::Record& record) {
  const uint32_t number = number_of(record.key);
  const FlowKey wanted = key_of(number);
  return record.key.client == wanted.client && record.key.vip == wanted.vip &&
         record.key.ports_word() == wanted.ports_word() && belongs(number, record.flow);
}

}  // namespace coscanet::test
