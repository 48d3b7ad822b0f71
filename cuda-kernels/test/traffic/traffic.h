// Measuring the traffic of an op over the execution model; every op's cases are in a file of its name.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "equipoise/equipoise.h"
#include "model/model.h"

namespace eqp::traffic {

// Records a failure unless `good`.
void check(bool good, const std::string& text);

int64_t size_of(eqp_dtype dtype);

// A contiguous tensor in the model's memory; inputs hold a half everywhere (a one in masks).
class Tensor {
 public:
  Tensor(eqp_dtype dtype, const std::vector<int64_t>& shape, bool input);
  ~Tensor() { model::release(tensor_.data); }
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;
  operator const eqp_tensor*() const { return &tensor_; }
  void* data() const { return tensor_.data; }

 private:
  void fill(int64_t i);
  eqp_tensor tensor_{};
};

// A zeroed workspace of that many bytes.
class Workspace {
 public:
  explicit Workspace(uint64_t bytes);
  ~Workspace() { model::release(memory_); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  operator const eqp_launch*() const { return &launch_; }

 private:
  void* memory_;
  eqp_launch launch_{};
};

struct Ideal {
  int64_t read_bytes, written_bytes;
  int64_t allowance;  // sectors beyond the ideal bytes / 32
};

struct Row {
  std::string op, shape, dtype;
  model::Launch sum;
  size_t launches;
};
const std::vector<Row>& rows();
int failures();

// Runs the call and compares its launches with the formula.
void measure(const std::string& op, const std::string& shape, eqp_dtype dtype, const Ideal& ideal,
             const std::function<eqp_status()>& call);

std::string shape_text(const std::vector<int64_t>& shape);

constexpr eqp_dtype kFloats[] = {EQP_F32, EQP_BF16, EQP_F16};

// The cases of each op.
void group_advantage();
void pair_loss();
void image_norms();
void l2_step();
void linf_step();
void uniform_start();
void eight_bit();
void gaussian_noise();
void input_diversity();
void translation_invariance();
void policy_loss();
void unpaired_loss();
void token_log_probs();

}  // namespace eqp::traffic
