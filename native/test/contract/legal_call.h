// A small legal call of any op, to be broken in one place by the refusal and fuzz tests.
#pragma once

#include <string>
#include <vector>

#include "harness/buffer.h"
#include "harness/numbers.h"
#include "harness/ops.h"

namespace eqp::test {

// Multiplies the few rows and columns of the small call.
struct Scale {
  int64_t rows = 1, columns = 1;
};

class LegalCall {
 public:
  // Shapes, dtypes, contents and the presence of optional tensors depend on the random generator;
  // all_present gives every optional tensor.
  LegalCall(Backend& backend, const Op& op, Random& random, bool all_present, Scale scale = {});

  const Op& op() const { return op_; }
  // The descriptors of the next call; change them at will, they do not own memory.
  std::vector<eqp_tensor> tensors;
  std::vector<bool> present;
  template <class Options>
  Options& options() {
    return *reinterpret_cast<Options*>(options_bytes.data());
  }
  // Larger than the struct, so that a test may claim and set bytes beyond it.
  std::vector<unsigned char> options_bytes;
  eqp_launch launch{};

  // Restores contents, then calls.
  eqp_status invoke() {
    upload();
    return call();
  }
  void upload();
  eqp_status call();
  // The first byte that changed although it is no element of an output ("" when none).
  // nothing_written: no byte may have changed at all.
  std::string damage(bool nothing_written);
  const Buffer& buffer(size_t argument) const { return buffers_[argument]; }
  // Leaves out inputs that only other options than the defaults read.
  void use_defaults();

 private:
  void add(const char* argument, eqp_dtype dtype, const std::vector<int64_t>& shape,
           int contiguous_dims, double low, double high);
  void fill(const char* argument, const std::vector<double>& values);
  void choose_estimator(int64_t variant, bool all_present);

  const Op& op_;
  Backend& backend_;
  Random& random_;
  Layout layout_;
  std::vector<Buffer> buffers_;
};

}  // namespace eqp::test
