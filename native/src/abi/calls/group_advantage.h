// What group_advantage hands to a backend.
#pragma once

#include "abi/views.h"
#include "equipoise/group_advantage.h"

namespace eqp {

struct GroupAdvantage {
  eqp_group_advantage_options options;
  Matrix rewards;
  Vector weights;         // may be absent: ones
  Vector offsets;         // may be absent: equal groups of options.group_size
  Vector lengths;         // may be absent: ones
  const void* baselines;  // given with that baseline only
  int64_t groups;
  void* advantages;
  void* group_mean;  // may be null
  void* group_std;   // may be null
  void* metrics;     // may be null
  Stream stream;
};

}  // namespace eqp
