// One conformance case: arguments, options, the call in every schedule, and the comparison with the
// oracle. Everything that is asserted of every op lives here.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "conformance/report.h"
#include "harness/buffer.h"
#include "harness/ops.h"

namespace eqp::test {

// What the oracle says of one output element. NaN asks for NaN; an infinite value for the same
// infinity. A second value may be legal where the formula has a jump within the rounding error of
// its input.
struct Expected {
  double value;
  double tolerance;
  double alternative;
  Expected(double v, double t) : value(v), tolerance(t), alternative(v) {}
  Expected(double v, double t, double other) : value(v), tolerance(t), alternative(other) {}
};

class Case {
 public:
  // `layout` applies to every argument, with another offset for each. Where it shifts one argument alone,
  // run() skips a case without that argument.
  Case(Backend& backend, Report& report, const std::string& entry, const std::string& description,
       Layout layout = {});

  template <class Options>
  Options& options() {
    return *reinterpret_cast<Options*>(options_.data());
  }

  // Adds an argument; contiguous_dims as in Buffer. Fill it with set() before run().
  Buffer& add(const std::string& argument, eqp_dtype dtype, const std::vector<int64_t>& shape,
              int contiguous_dims = 1);
  Buffer& add(const std::string& argument, eqp_dtype dtype, const std::vector<int64_t>& shape,
              const std::vector<double>& values, int contiguous_dims = 1);
  // Of the arguments that are added from here on.
  void use_layout(Layout layout) { layout_ = layout; }
  Buffer& at(const std::string& argument);
  bool has(const std::string& argument);

  // After the schedules, also runs with `output` in the memory of `input`, which must give the same
  // bits. Both need the same shape, dtype and layout.
  void also_in_place(const std::string& output, const std::string& input);

  // Runs the call in every schedule of the backend; checks status, canaries, unchanged inputs and
  // bitwise equal outputs. False when the case was skipped, is not in the sample, or was refused
  // (a refusal is a failure).
  bool run();
  // Runs once and returns the status, having checked that nothing was written unless EQP_OK.
  eqp_status run_refused(std::string* text);
  // Runs once on a backend that cannot validate first; the status of entry or check, with the
  // outputs read back and the canaries checked.
  eqp_status run_poisoned(std::string* text);

  // Compares an output that was added with the oracle, element by element.
  void expect(const std::string& output, const std::function<Expected(int64_t)>& oracle);

  // The largest |actual - exact| of an output, NaN-free elements only.
  double largest_error(const std::string& output, const std::function<double(int64_t)>& exact);

 private:
  eqp_status call();
  std::string description() const;
  void restore_in_out();

  Backend& backend_;
  Report& report_;
  const Op& op_;
  std::string description_;
  Layout layout_;
  std::vector<uint64_t> options_;
  std::vector<Buffer> buffers_;
  int64_t elements_ = 0;  // of all arguments
  std::vector<std::vector<double>> in_out_values_;
  std::string in_place_output_, in_place_input_;
};

}  // namespace eqp::test
