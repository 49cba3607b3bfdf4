#pragma once
// Between JavaScript values and ours. Read functions throw a JavaScript TypeError and return false; the
// caller returns at once. System errors become Errors with `code`.
#include <arpa/inet.h>
#include <napi.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"

namespace coscanet {

inline bool type_error(Napi::Env env, const std::string& what) {
  Napi::TypeError::New(env, what).ThrowAsJavaScriptException();
  return false;
}

inline Napi::Error system_error(Napi::Env env, int error, const std::string& what) {
  const char* name = strerrorname_np(error);
  Napi::Error e = Napi::Error::New(env, what + ": " + strerror(error));
  e.Set("code", Napi::String::New(env, name ? name : "EUNKNOWN"));
  e.Set("errno", Napi::Number::New(env, error));
  return e;
}

inline Napi::Value throw_system(Napi::Env env, int error, const std::string& what) {
  system_error(env, error, what).ThrowAsJavaScriptException();
  return env.Undefined();
}

inline bool read_u32(const Napi::Value& value, const char* name, uint32_t* out) {
  double number;
  if (napi_get_value_double(value.Env(), value, &number) != napi_ok)
    return type_error(value.Env(), std::string(name) + " must be a number");
  if (!(number >= 0 && number <= 4294967295.0) ||
      number != static_cast<double>(static_cast<uint32_t>(number)))
    return type_error(value.Env(), std::string(name) + " must be a whole number of 32 bits");
  *out = static_cast<uint32_t>(number);
  return true;
}

inline bool read_port(const Napi::Value& value, const char* name, uint16_t* out) {
  uint32_t number = 0;
  if (!read_u32(value, name, &number)) return false;
  *out = static_cast<uint16_t>(number);
  return number <= 65535 || type_error(value.Env(), std::string(name) + " must be at most 65535");
}

inline bool read_bool(const Napi::Value& value, const char* name, bool* out) {
  return napi_get_value_bool(value.Env(), value, out) == napi_ok ||
         type_error(value.Env(), std::string(name) + " must be true or false");
}

inline bool read_string(const Napi::Value& value, const char* name, std::string* out) {
  if (!value.IsString()) return type_error(value.Env(), std::string(name) + " must be a string");
  *out = value.As<Napi::String>().Utf8Value();
  return true;
}

/// Text of a known form, for which there is no need of a heap: what is longer is cut, and has another form.
struct ShortText {
  char bytes[32] = {};
  size_t length = 0;
  bool operator==(std::string_view o) const { return std::string_view(bytes, length) == o; }
};

inline bool read_short(const Napi::Value& value, const char* name, ShortText* out) {
  return napi_get_value_string_latin1(value.Env(), value, out->bytes, sizeof out->bytes, &out->length) ==
             napi_ok ||
         type_error(value.Env(), std::string(name) + " must be a string");
}

inline bool read_object(const Napi::Value& value, const char* name, Napi::Object* out) {
  if (!value.IsObject()) return type_error(value.Env(), std::string(name) + " must be an object");
  *out = value.As<Napi::Object>();
  return true;
}

inline bool read_list(const Napi::Value& value, const char* name, Napi::Array* out) {
  if (!value.IsArray()) return type_error(value.Env(), std::string(name) + " must be a list");
  *out = value.As<Napi::Array>();
  return true;
}

inline Napi::Array number_array(Napi::Env env, const std::vector<int>& numbers) {
  Napi::Array out = Napi::Array::New(env, numbers.size());
  for (uint32_t i = 0; i < numbers.size(); ++i) out.Set(i, static_cast<double>(numbers[i]));
  return out;
}

inline bool read_numbers(const Napi::Value& value, const char* name, std::vector<int>* out) {
  Napi::Array list;
  if (!read_list(value, name, &list)) return false;
  for (uint32_t i = 0; i < list.Length(); ++i) {
    uint32_t number;
    if (!read_u32(list.Get(i), name, &number)) return false;
    out->push_back(static_cast<int>(number));
  }
  return true;
}

inline bool read_v4(const Napi::Value& value, const char* name, uint8_t* out) {
  ShortText text;
  if (!read_short(value, name, &text)) return false;
  return inet_pton(AF_INET, text.bytes, out) == 1 ||
         type_error(value.Env(), std::string(name) + ": no IPv4 address");
}

inline bool read_address(const Napi::Value& value, const char* name, coscanet_address* out) {
  uint8_t bytes[4];
  if (!read_v4(value, name, bytes)) return false;
  *out = Address::v4(bytes);
  return true;
}

/// Bits of an IPv4 address.
inline bool read_prefix(const Napi::Value& value, const char* name, uint32_t* out) {
  return read_u32(value, name, out) &&
         (*out <= 32 || type_error(value.Env(), std::string(name) + " must be 0 to 32"));
}

/// Seconds that deadlines can be ahead.
inline bool read_timeout(const Napi::Value& value, const char* name, uint32_t* out) {
  return read_u32(value, name, out) &&
         ((*out > 0 && *out <= INT32_MAX) ||
          type_error(value.Env(), std::string(name) + " must be 1 to 2147483647 seconds"));
}

/// 0 to 15, or -1.
inline int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

inline bool read_mac(const Napi::Value& value, const char* name, Mac* out) {
  ShortText text;
  if (!read_short(value, name, &text)) return false;
  bool fits = text.length == 3 * sizeof out->bytes - 1;
  for (size_t i = 0; fits && i < sizeof out->bytes; ++i) {
    const char* pair = text.bytes + 3 * i;
    const int high = hex_digit(pair[0]), low = hex_digit(pair[1]);
    fits = high >= 0 && low >= 0 && (i == 0 || pair[-1] == ':');
    if (fits) out->bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return fits || type_error(value.Env(), std::string(name) + ": no MAC address");
}

inline Napi::String mac_text(Napi::Env env, const Mac& mac) {
  char text[18];
  snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac.bytes[0], mac.bytes[1], mac.bytes[2],
           mac.bytes[3], mac.bytes[4], mac.bytes[5]);
  return Napi::String::New(env, text);
}

inline Napi::String address_text(Napi::Env env, const Address& address) {
  char text[INET_ADDRSTRLEN];
  uint8_t bytes[4];
  address.store_v4(bytes);
  inet_ntop(AF_INET, bytes, text, sizeof text);
  return Napi::String::New(env, text);
}

/// A text out of `names`; their index.
inline bool read_choice(const Napi::Value& value, const char* name, const char* const* names, size_t count,
                        uint8_t* out) {
  ShortText text;
  if (!read_short(value, name, &text)) return false;
  std::string all;
  for (size_t i = 0; i < count; ++i) {
    if (text == names[i]) {
      *out = static_cast<uint8_t>(i);
      return true;
    }
    all += (i ? ", " : "") + std::string(names[i]);
  }
  return type_error(value.Env(), std::string(name) + " must be one of: " + all);
}

inline bool read_protocol(const Napi::Value& value, uint8_t* out) {
  ShortText text;
  if (!read_short(value, "protocol", &text)) return false;
  *out = text == "tcp" ? 6 : 17;
  return text == "tcp" || text == "udp" || type_error(value.Env(), "protocol must be tcp or udp");
}
inline const char* protocol_text(uint8_t protocol) {
  return protocol == 6 ? "tcp" : "udp";
}

}  // namespace coscanet
