#include "runner.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "equipoise/runtime.h"
#include "gemm.h"

namespace eqp::bench {
namespace {

constexpr double kUsableShareOfMemory = 0.8;
constexpr int64_t kGemmSize = 4096;

std::string time_utc() {
  char text[32];
  const std::time_t now = std::time(nullptr);
  std::tm parts;
  gmtime_r(&now, &parts);
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

size_t fastest(const std::vector<Spread>& spreads, size_t first) {
  size_t best = first;
  for (size_t i = first + 1; i < spreads.size(); ++i) {
    if (spreads[i].median < spreads[best].median) best = i;
  }
  return best;
}

}  // namespace

Runner::Runner(const Options& options, const Device& device)
    : options_(options), device_(device), timer_(device) {
  std::printf("%s", table_header().c_str());
}

int64_t Runner::fitting(int64_t wish, int64_t bytes_each) const {
  const double usable = kUsableShareOfMemory * static_cast<double>(free_bytes());
  const int64_t fit = static_cast<int64_t>(usable / static_cast<double>(bytes_each));
  if (fit < 1) throw std::runtime_error("the device has too little free memory for this shape");
  return std::min(wish, fit);
}

const eqp_launch* Runner::launch(uint64_t workspace_bytes) {
  const int64_t bytes = std::max<int64_t>(static_cast<int64_t>(workspace_bytes), 16);
  if (!workspace_ || workspace_->bytes() < bytes) {
    workspace_.emplace(bytes);
    // The first bytes collect errors in data and begin as zeros.
    must(cudaMemset(workspace_->data(), 0, static_cast<size_t>(bytes)), "clearing the workspace");
  }
  launch_.size = sizeof(launch_);
  launch_.workspace = workspace_->data();
  launch_.workspace_size = static_cast<uint64_t>(workspace_->bytes());
  launch_.stream = timer_.stream();
  return &launch_;
}

Check Runner::check(const Subject& subject, const eqp_launch* launch) {
  // The stream does not wait for the default one, which filled the tensors.
  must(cudaDeviceSynchronize(), "waiting for the tensors' contents");
  must(subject.call(launch), subject.op.c_str());
  must(eqp_check(launch), subject.op.c_str());
  Check check;
  subject.compare(&check);
  return check;
}

void Runner::run(const Subject& subject, uint64_t workspace_bytes) {
  const std::string where = subject.op + " " + subject.shape + " " + dtype_name(subject.dtype);
  try {
    const eqp_launch* const at = launch(workspace_bytes);
    const Check checked = check(subject, at);
    if (!checked.good()) return report_failure(where, checked.failure());
    const Contestant op = {"op", [&](cudaStream_t) { must(subject.call(at), subject.op.c_str()); }};
    time_on_device(subject, op, checked.error_over_tolerance());
    if (subject.small) time_call(subject, op);
  } catch (const std::exception& error) {
    report_failure(where, error.what());
  }
}

void Runner::time_on_device(const Subject& subject, const Contestant& op,
                            double error_over_tolerance) {
  std::vector<Contestant> contestants = {op};
  for (const Contestant& ceiling : subject.small
                                       ? std::vector<Contestant>{empty_kernel()}
                                       : memory_ceilings(subject.traffic, device_.multiprocessors))
    contestants.push_back(ceiling);
  if (contestants.size() == 1) throw std::logic_error("no ceiling has this mix of streams");
  const std::vector<Spread> spreads = timer_.in_turn(contestants, options_.timed_iterations());
  const size_t best = fastest(spreads, 1);
  Measurement m;
  m.op = subject.op;
  m.shape = subject.shape;
  m.dtype = dtype_name(subject.dtype);
  m.op_us = spreads[0];
  m.ideal_bytes = subject.traffic.bytes();
  m.ceiling = contestants[best].name;
  m.ceiling_us = spreads[best];
  m.error_over_tolerance = error_over_tolerance;
  add(m);
}

void Runner::time_call(const Subject& subject, const Contestant& op) {
  Measurement m;
  m.op = subject.op + ", call to result";
  m.shape = subject.shape;
  m.dtype = dtype_name(subject.dtype);
  m.op_us = timer_.call_to_result(op, options_.timed_iterations());
  add(m);
}

void Runner::run_gemm() {
  if (!wants("gemm")) return;
  const Gemm gemm = make_gemm(kGemmSize);
  if (!gemm.problem.empty()) {
    std::printf("gemm: not measured: %s\n", gemm.problem.c_str());
    return;
  }
  try {
    must(cudaDeviceSynchronize(), "waiting for the matrices' contents");
    Measurement m;
    m.op = "gemm (cuBLAS)";
    m.shape = gemm.shape;
    m.dtype = "bf16";
    m.op_us = timer_.in_turn({gemm.contestant}, options_.timed_iterations())[0];
    m.floating_point_operations = gemm.floating_point_operations;
    add(m);
  } catch (const std::exception& error) {
    // A ceiling of somebody else's library: no op is wrong.
    std::printf("gemm: not measured: %s\n", error.what());
  }
}

void Runner::add(Measurement measurement) {
  measurement.clocks = clocks_now(device_);
  std::printf("%s", table_row(measurement).c_str());
  std::fflush(stdout);
  csv_rows_.push_back(csv_row(time_utc(), options_.commit, device_.machine, measurement));
  ++measured_;
}

void Runner::report_failure(const std::string& where, const std::string& text) {
  ++failures_;
  std::printf("FAILED %s: %s\n", where.c_str(), text.c_str());
  std::fflush(stdout);
}

int Runner::finish() {
  if (!options_.csv.empty()) {
    const std::string problem = append_csv(options_.csv, csv_rows_);
    if (problem.empty()) {
      std::printf("%zu lines appended to %s\n", csv_rows_.size(), options_.csv.c_str());
    } else {
      report_failure("--csv", problem);
    }
  }
  if (measured_ == 0) report_failure("cuda_bench", "nothing was measured; see --filter");
  std::printf("%d measurements, %d failures\n", measured_, failures_);
  return failures_ == 0 ? 0 : 1;
}

}  // namespace eqp::bench
