#pragma once
// Writes a policy into a snapshot that no forwarder reads.
#include "core/policy_spec.h"

namespace coscanet {

class PolicyWriter : public Policy {
 public:
  using Policy::Policy;

  /// Writes all but the generation and the registry. Null, or what does not fit (limits, ranges, duplicates).
  const char* write(const PolicySpec& spec);
  void set_generation(uint32_t generation) { header_->generation.store(generation); }
  /// False if it is too large.
  bool set_registry(const uint8_t* bytes, uint32_t length);

 private:
  void clear(const PolicySpec& spec);
  bool add_interface(const InterfaceSpec& spec);
  /// Of the interface that was added last.
  bool set_vlans(const std::vector<uint32_t>& vlans);
  bool set_gateway(const GatewaySpec& spec);
  bool add_block(const BlockSpec& spec);
  bool add_vip(const VipSpec& spec);
  bool add_endpoint(const EndpointSpec& spec);
  const char* translate(uint32_t slot, const TranslationSpec& spec);
  PolicyService* add_service(const ServiceSpec& spec);
  bool add_affinity(const AffinitySpec& spec, PolicyService& service);
  bool is_endpoint(uint32_t slot) const { return slot < header_->endpoint_end && endpoints_[slot].used; }
};

}  // namespace coscanet
