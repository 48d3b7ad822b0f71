// The traffic of group_advantage.
#include "traffic/traffic.h"

namespace eqp::traffic {
namespace {

// A group may cut a sector at both ends each of the three times that it is read. BATCH scaling of
// many samples: a launch before reads them and writes statistics of 56 bytes for each part. Given
// offsets: every group's are read, and by one block of a launch before where there are many groups.
// WHITEN reads what it wrote; of many samples in a launch behind, with the statistics of 8 groups each.
void measure_groups(int64_t groups, int64_t members, eqp_advantage_scale scale, bool ragged) {
  const int64_t n = groups * members;
  Tensor rewards(EQP_F32, {n}, true), advantages(EQP_F32, {n}, false);
  Tensor mean(EQP_F32, {groups}, false), std(EQP_F32, {groups}, false);
  Tensor offsets(EQP_I64, {groups + 1}, true);
  for (int64_t g = 0; g <= groups; ++g) static_cast<int64_t*>(offsets.data())[g] = g * members;
  uint64_t bytes = 0;
  eqp_group_advantage_workspace_size(rewards, &bytes);
  Workspace workspace(bytes);
  eqp_group_advantage_options options;
  eqp_group_advantage_options_init(&options);
  options.group_size = ragged ? 0 : members;
  options.scale = scale;
  const bool many = n > 4096, batch = scale == EQP_ADVANTAGE_SCALE_BATCH;
  const bool whiten = scale == EQP_ADVANTAGE_SCALE_WHITEN;
  const int64_t parts = many && batch ? (n + 255) / 256 : 0;
  const int64_t checks = ragged ? (many ? 2 : 1) : 0;  // launches that read the offsets
  Ideal ideal{n * 4 + checks * (groups + 1) * 8, n * 4 + groups * 8, 2 * n * 4 / 32 + groups * 10};
  if (parts > 0) {
    ideal.read_bytes += n * 4 + parts * 56;
    ideal.written_bytes += parts * 56;
    // Seven fields of every part, two of them twice, in every block of 8 groups.
    ideal.allowance += 2 * n * 4 / 32 + parts * (9 * groups / 8 + 16);
  }
  if (whiten) {
    const int64_t blocks = many ? groups / 8 : 0;
    ideal.read_bytes += (many ? 2 : 1) * n * 4 + blocks * 56;
    ideal.written_bytes += (many ? n * 4 : 0) + blocks * 56;
    // Every block of the launch behind reads the statistics, two fields of them twice.
    ideal.allowance += n * 4 / 32 + blocks * (9 * n / 1024 + 16);
  }
  if (ragged) {
    if (many) {
      ideal.read_bytes += 4;  // the verdict of the launch before
      ideal.written_bytes += 4;
    }
    ideal.allowance += groups * 8 + 64;
  }
  const std::string name = std::string("group_advantage") + (batch ? ", batch" : "") +
                           (whiten ? ", whiten" : "") + (ragged ? ", offsets" : "");
  measure(name, shape_text({groups, members}), EQP_F32, ideal, [&] {
    return eqp_group_advantage(&options, rewards, nullptr,
                               ragged ? static_cast<const eqp_tensor*>(offsets) : nullptr, nullptr,
                               nullptr, advantages, mean, std, nullptr, workspace);
  });
}

}  // namespace

void group_advantage() {
  for (const int64_t groups : {64, 1024}) {
    measure_groups(groups, 8, EQP_ADVANTAGE_SCALE_WHITEN, false);
  }
  for (const bool ragged : {false, true}) {
    for (const int64_t groups : {64, 1024}) {
      measure_groups(groups, 8, EQP_ADVANTAGE_SCALE_GROUP, ragged);
      measure_groups(groups, 8, EQP_ADVANTAGE_SCALE_BATCH, ragged);
    }
  }
}

}  // namespace eqp::traffic
