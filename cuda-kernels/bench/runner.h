// Checks an op, times it in turn with its ceilings, and keeps the results.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ceilings.h"
#include "check.h"
#include "device.h"
#include "equipoise/types.h"
#include "options.h"
#include "results.h"
#include "timer.h"

namespace eqp::bench {

// An op with its tensors, ready to run.
struct Subject {
  std::string op, shape;
  eqp_dtype dtype;
  // Small ops are compared with an empty kernel, and the caller's time is measured too.
  bool small = false;
  Traffic traffic;
  std::function<eqp_status(const eqp_launch*)> call;
  // Compares the results of a call that has just been made, on the tensors' first contents.
  std::function<void(Check*)> compare;
};

class Runner {
 public:
  Runner(const Options& options, const Device& device);

  bool quick() const { return options_.quick; }
  bool wants(const std::string& op) const { return op.find(options_.filter) != std::string::npos; }
  // How many rows (images) of this many bytes fit beside each other, at most `wish`.
  int64_t fitting(int64_t wish, int64_t bytes_each) const;

  void run(const Subject& subject, uint64_t workspace_bytes);
  void run_gemm();
  void report_failure(const std::string& where, const std::string& text);
  // Writes the CSV file; the exit code.
  int finish();

 private:
  const eqp_launch* launch(uint64_t workspace_bytes);
  Check check(const Subject& subject, const eqp_launch* launch);
  void time_on_device(const Subject& subject, const Contestant& op, double error_over_tolerance);
  void time_call(const Subject& subject, const Contestant& op);
  void add(Measurement measurement);

  const Options options_;
  const Device device_;
  Timer timer_;
  std::optional<DeviceMemory> workspace_;
  eqp_launch launch_{};
  std::vector<std::string> csv_rows_;
  int measured_ = 0, failures_ = 0;
};

}  // namespace eqp::bench
