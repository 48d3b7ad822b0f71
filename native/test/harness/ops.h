// Every op as data: its tensor arguments by name and one way to call it. Conformance cases,
// refusals, fuzzing and the concurrency test are all made from this list.
#pragma once

#include <string>
#include <vector>

#include "harness/backend.h"

namespace eqp::test {

enum class Role { kInput, kOutput, kInOut };

struct Argument {
  const char* name;  // as in the header; error texts must contain it
  Role role;
  bool required;
};

struct Op {
  const char* entry;  // "linf_step"
  std::vector<Argument> arguments;
  size_t options_bytes;
  void (*options_init)(void* options);
  eqp_status (*invoke)(const Entries& entries, const void* options,
                       const eqp_tensor* const* tensors, const eqp_launch* launch);
  // Null when the op has no workspace query.
  eqp_status (*workspace_size)(const Entries& entries, const void* options, const eqp_tensor* first,
                               uint64_t* bytes);

  std::string function() const { return std::string("eqp_") + entry; }
  int index_of(const std::string& argument) const;
};

const std::vector<Op>& ops();
const Op& op_named(const std::string& entry);

}  // namespace eqp::test
