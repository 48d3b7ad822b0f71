// The options of an op, each field once: its default, what it must be and how a refusal says so. The structs
// and what the fields mean are in the headers; a contract test holds the two together.
#pragma once

#include <math.h>
#include <stddef.h>

#include <type_traits>

#include "abi/arguments.h"

namespace eqp {

enum class FieldType { kInt32, kInt64, kUnsigned64, kFloat, kDouble };

template <class T>
constexpr FieldType field_type() {
  if (std::is_floating_point<T>::value)
    return sizeof(T) == 4 ? FieldType::kFloat : FieldType::kDouble;
  if (sizeof(T) == 4) return FieldType::kInt32;
  return std::is_signed<T>::value ? FieldType::kInt64 : FieldType::kUnsigned64;
}

template <class Options>
struct Field {
  const char* name;
  size_t offset;
  FieldType type;
  double preset;
  const char* expected;  // null: anything goes
  bool (*holds)(const Options&);
};

template <class T, class Options>
T read_field(const Options& options, size_t offset) {
  return *reinterpret_cast<const T*>(reinterpret_cast<const char*>(&options) + offset);
}

template <class Options>
double read_field(const Options& options, const Field<Options>& field) {
  switch (field.type) {
    case FieldType::kInt32:
      return read_field<int32_t>(options, field.offset);
    case FieldType::kInt64:
      return static_cast<double>(read_field<int64_t>(options, field.offset));
    case FieldType::kUnsigned64:
      return static_cast<double>(read_field<uint64_t>(options, field.offset));
    case FieldType::kFloat:
      return static_cast<double>(read_field<float>(options, field.offset));
    default:
      return read_field<double>(options, field.offset);
  }
}

template <class Options>
void write_field(Options* options, const Field<Options>& field, double value) {
  char* const at = reinterpret_cast<char*>(options) + field.offset;
  switch (field.type) {
    case FieldType::kInt32:
      *reinterpret_cast<int32_t*>(at) = static_cast<int32_t>(value);
      break;
    case FieldType::kInt64:
      *reinterpret_cast<int64_t*>(at) = static_cast<int64_t>(value);
      break;
    case FieldType::kUnsigned64:
      *reinterpret_cast<uint64_t*>(at) = static_cast<uint64_t>(value);
      break;
    case FieldType::kFloat:
      *reinterpret_cast<float*>(at) = static_cast<float>(value);
      break;
    default:
      *reinterpret_cast<double*>(at) = value;
  }
}

template <class Options, size_t kCount>
Options defaults_of(const Field<Options> (&fields)[kCount]) {
  Options options = {};
  options.size = sizeof(options);
  for (const Field<Options>& field : fields) write_field(&options, field, field.preset);
  return options;
}

template <class Options, size_t kCount>
eqp_status check_fields(const Call& call, const Options& options,
                        const Field<Options> (&fields)[kCount]) {
  for (const Field<Options>& field : fields) {
    if (field.expected == nullptr || field.holds(options)) continue;
    return call.fail(EQP_INVALID_ARGUMENT, "%s: expected %s, found %.9g", field.name,
                     field.expected, read_field(options, field));
  }
  return EQP_OK;
}

// NaN is none of these.
constexpr bool is_finite(double x) { return x - x == 0; }
constexpr bool is_positive(double x) { return x > 0 && is_finite(x); }
constexpr bool is_not_negative(double x) { return x >= 0 && is_finite(x); }

constexpr const char* kPositive = "a finite number > 0";
constexpr const char* kNotNegative = "a finite number >= 0";
constexpr const char* kFinite = "a finite number";

}  // namespace eqp

// A field of EQP_OPTIONS (a macro that the user defines); `condition` speaks of the options `o`.
#define EQP_FIELD(member, preset, expected, condition)                                            \
  ::eqp::Field<EQP_OPTIONS> {                                                                     \
#member, offsetof(EQP_OPTIONS, member), ::eqp::field_type < decltype(EQP_OPTIONS::member)>(), \
        preset, expected, [](const EQP_OPTIONS& o) -> bool { return condition; }                  \
  }
#define EQP_FREE_FIELD(member, preset)                                                            \
  ::eqp::Field<EQP_OPTIONS> {                                                                     \
#member, offsetof(EQP_OPTIONS, member), ::eqp::field_type < decltype(EQP_OPTIONS::member)>(), \
        preset, nullptr, nullptr                                                                  \
  }
// A value of a list X(NAME, value, ...), which the refusal names.
#define EQP_LISTED(name, value, ...) ", " #name " (" #value ")"
#define EQP_IS_LISTED(name, value, ...) || found == (value)
#define EQP_CHOICE(member, preset, LIST)                                                      \
  ::eqp::Field<EQP_OPTIONS> {                                                                 \
#member, offsetof(EQP_OPTIONS, member), ::eqp::FieldType::kInt32, preset,                   \
        &("" LIST(EQP_LISTED))[2], [](const EQP_OPTIONS& o) -> bool {                         \
          const int32_t found = o.member;                                                     \
          return false LIST(EQP_IS_LISTED);                                                   \
        } \
  }
