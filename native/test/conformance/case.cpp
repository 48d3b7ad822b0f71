#include "conformance/case.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "harness/check.h"
#include "harness/entries.h"
#include "harness/numbers.h"

namespace eqp::test {
namespace {

// Half a unit in the last place of a low-precision output: the rounding that the format itself
// costs. For f32 and f64 the oracles' tolerances contain it.
double format_rounding(eqp_dtype dtype, double value) {
  if (dtype != EQP_BF16 && dtype != EQP_F16) return 0;
  return unit_roundoff(dtype) * std::max(std::fabs(value), smallest_normal(dtype));
}

// Error as a multiple of the tolerance; 0 when equal, infinity for what no tolerance excuses.
double quotient(eqp_dtype dtype, double actual, double expected, double tolerance, double* error) {
  *error = 0;
  if (std::isnan(expected) || std::isnan(actual)) {
    return std::isnan(expected) && std::isnan(actual) ? 0 : HUGE_VAL;
  }
  if (actual == expected) return 0;
  // Rounding to the format turns what is beyond its range into infinity.
  const double largest = largest_finite(dtype);
  if (std::isinf(actual) &&
      std::fabs(expected) * (1 + 4 * unit_roundoff(dtype)) + tolerance >= largest) {
    return std::signbit(actual) == std::signbit(expected) ? 0 : HUGE_VAL;
  }
  if (std::isinf(actual) || std::isinf(expected)) return HUGE_VAL;
  *error = std::fabs(actual - expected);
  const double allowed = tolerance + format_rounding(dtype, expected);
  return allowed > 0 ? *error / allowed : HUGE_VAL;
}

// The same bits, or both NaN: in place another loop may run (plain instead of streaming stores),
// and IEEE 754 leaves the sign and payload of a NaN to the order of the operands.
bool same_up_to_nan(const std::vector<unsigned char>& a, const std::vector<unsigned char>& b,
                    eqp_dtype dtype) {
  const size_t bytes = static_cast<size_t>(dtype_bytes(dtype));
  if (a.size() != b.size()) return false;
  for (size_t at = 0; at < a.size(); at += bytes) {
    if (memcmp(&a[at], &b[at], bytes) == 0) continue;
    if (!std::isnan(load_element(&a[at], dtype)) || !std::isnan(load_element(&b[at], dtype)))
      return false;
  }
  return true;
}

}  // namespace

Case::Case(Backend& backend, Report& report, const std::string& entry,
           const std::string& description, Layout layout)
    : backend_(backend),
      report_(report),
      op_(op_named(entry)),
      description_(description),
      layout_(layout),
      options_((op_.options_bytes + 7) / 8),
      buffers_(op_.arguments.size()),
      in_out_values_(op_.arguments.size()) {
  op_.options_init(options_.data());
}

Buffer& Case::add(const std::string& argument, eqp_dtype dtype, const std::vector<int64_t>& shape,
                  int contiguous_dims) {
  const size_t index = static_cast<size_t>(op_.index_of(argument));
  Layout layout = layout_;
  // Each argument lies at another distance from the 256-byte boundary, unless all are aligned.
  if (layout.offset != 0) layout.offset += static_cast<int64_t>(index) % 3;
  if (layout.alone == static_cast<int64_t>(index)) ++layout.offset;
  int64_t size = 1;
  for (const int64_t each : shape) size *= each;
  elements_ += size;
  // A case that run() will skip takes no memory of the backend.
  const bool skipped = elements_ > backend_.largest_case_elements();
  buffers_[index] = skipped ? Buffer(&backend_, dtype, {0}, layout, 1)
                            : Buffer(&backend_, dtype, shape, layout, contiguous_dims);
  return buffers_[index];
}

Buffer& Case::add(const std::string& argument, eqp_dtype dtype, const std::vector<int64_t>& shape,
                  const std::vector<double>& values, int contiguous_dims) {
  Buffer& buffer = add(argument, dtype, shape, contiguous_dims);
  for (int64_t i = 0; i < buffer.size(); ++i) buffer.set(i, values[static_cast<size_t>(i)]);
  return buffer;
}

Buffer& Case::at(const std::string& argument) {
  return buffers_[static_cast<size_t>(op_.index_of(argument))];
}

bool Case::has(const std::string& argument) { return at(argument).present(); }

void Case::also_in_place(const std::string& output, const std::string& input) {
  in_place_output_ = output;
  in_place_input_ = input;
}

std::string Case::description() const {
  return std::string(op_.entry) + " " + dtype_text(buffers_[0].dtype()) + " " + description_;
}

void Case::restore_in_out() {
  for (size_t i = 0; i < buffers_.size(); ++i) {
    if (!buffers_[i].present() || op_.arguments[i].role != Role::kInOut) continue;
    if (in_out_values_[i].empty()) in_out_values_[i] = buffers_[i].values();
    for (int64_t e = 0; e < buffers_[i].size(); ++e) {
      buffers_[i].set(e, in_out_values_[i][static_cast<size_t>(e)]);
    }
  }
}

eqp_status Case::call() {
  std::vector<const eqp_tensor*> tensors;
  for (Buffer& buffer : buffers_) tensors.push_back(buffer.tensor());
  eqp_launch launch{};
  launch.size = sizeof(launch);
  if (op_.workspace_size != nullptr) {
    uint64_t bytes = 0;
    const eqp_status status =
        op_.workspace_size(backend_.entries(), options_.data(), tensors[0], &bytes);
    if (status != EQP_OK) return status;
    launch.workspace_size = bytes;
    if (bytes > 0) {
      launch.workspace = backend_.allocate(bytes);
      const char no_errors[16] = {};
      backend_.copy_to(launch.workspace, no_errors, sizeof(no_errors));
    }
  }
  for (Buffer& buffer : buffers_) {
    if (!buffer.present()) continue;
    buffer.upload();
  }
  for (Buffer& buffer : buffers_) {
    if (buffer.present()) buffer.poison(true);
  }
  eqp_status status = op_.invoke(backend_.entries(), options_.data(), tensors.data(), &launch);
  if (status == EQP_OK) status = backend_.finish(&launch);
  for (Buffer& buffer : buffers_) {
    if (buffer.present()) buffer.poison(false);
  }
  if (launch.workspace != nullptr) backend_.release(launch.workspace);
  return status;
}

bool Case::run() {
  const eqp_dtype dtype = buffers_[0].dtype();
  if (layout_.alone >= 0 && !buffers_[static_cast<size_t>(layout_.alone)].present()) return false;
  if (!backend_.supports(op_.entry, dtype) || elements_ > backend_.largest_case_elements()) {
    report_.add_skipped(op_.entry, dtype);
    return false;
  }
  if (!report_.draw(op_.entry, dtype)) return false;
  report_.add_case(op_.entry, dtype);
  Context context(description());
  std::vector<std::vector<unsigned char>> first(buffers_.size());
  const int runs = backend_.schedules() + (in_place_output_.empty() ? 0 : 1);
  for (int run = 0; run < runs; ++run) {
    const bool in_place = run == backend_.schedules();
    const std::string schedule =
        backend_.use_schedule(in_place ? 0 : run) + (in_place ? ", in place" : "");
    restore_in_out();
    for (size_t i = 0; i < buffers_.size(); ++i) {
      if (!buffers_[i].present()) continue;
      // Other canaries each time: an output element that is never written differs between runs.
      buffers_[i].fill_canaries(static_cast<uint32_t>(run * 17 + 3),
                                op_.arguments[i].role == Role::kOutput);
    }
    std::vector<double> input_values;
    if (in_place) {
      input_values = at(in_place_input_).values();
      at(in_place_output_).alias(at(in_place_input_));
    }
    const eqp_status status = call();
    EQP_CHECK(status == EQP_OK, "expected EQP_OK, found status %d: %s (%s)", status,
              eqp_last_error(), schedule.c_str());
    for (size_t i = 0; i < buffers_.size(); ++i) {
      if (!buffers_[i].present()) continue;
      const bool is_input = op_.arguments[i].role == Role::kInput &&
                            !(in_place && &buffers_[i] == &at(in_place_input_));
      const bool output_elsewhere = in_place && &buffers_[i] == &at(in_place_output_);
      const std::string damage = buffers_[i].download(is_input || output_elsewhere);
      EQP_CHECK(damage.empty(), "%s: %s (%s)", op_.arguments[i].name, damage.c_str(),
                schedule.c_str());
      if (is_input || output_elsewhere) continue;
      size_t compared = i;
      if (in_place && &buffers_[i] == &at(in_place_input_)) {
        compared = static_cast<size_t>(op_.index_of(in_place_output_));
      }
      std::vector<unsigned char> bytes = buffers_[i].element_bytes();
      if (run == 0) {
        first[i] = std::move(bytes);
      } else {
        const bool same = in_place
                              ? same_up_to_nan(bytes, first[compared], buffers_[compared].dtype())
                              : bytes == first[compared];
        EQP_CHECK(same, "%s: the bits with '%s' differ from the first run's",
                  op_.arguments[compared].name, schedule.c_str());
      }
    }
    if (in_place) {
      // Leave the outputs' values where expect() looks for them, and the input as it was.
      Buffer& input = at(in_place_input_);
      Buffer& output = at(in_place_output_);
      output.unalias();
      for (int64_t e = 0; e < input.size(); ++e) {
        output.set(e, input.get(e));
        input.set(e, input_values[static_cast<size_t>(e)]);
      }
    }
    if (status != EQP_OK) return false;
  }
  return true;
}

eqp_status Case::run_refused(std::string* text) {
  Context context(description());
  backend_.use_schedule(0);
  restore_in_out();
  const eqp_status status = call();
  *text = eqp_last_error();
  for (size_t i = 0; i < buffers_.size(); ++i) {
    if (!buffers_[i].present()) continue;
    const std::string damage = buffers_[i].download(true);
    EQP_CHECK(status == EQP_OK || damage.empty(), "%s: a refused call wrote: %s",
              op_.arguments[i].name, damage.c_str());
  }
  return status;
}

eqp_status Case::run_poisoned(std::string* text) {
  Context context(description());
  backend_.use_schedule(0);
  restore_in_out();
  const eqp_status status = call();
  *text = eqp_last_error();
  for (size_t i = 0; i < buffers_.size(); ++i) {
    if (!buffers_[i].present()) continue;
    const std::string damage = buffers_[i].download(op_.arguments[i].role == Role::kInput);
    EQP_CHECK(damage.empty(), "%s: %s", op_.arguments[i].name, damage.c_str());
  }
  return status;
}

void Case::expect(const std::string& output, const std::function<Expected(int64_t)>& oracle) {
  Context context(description());
  const Buffer& buffer = at(output);
  const eqp_dtype dtype = buffer.dtype();
  double worst_error = 0;
  double worst = 0;
  int64_t worst_index = -1;
  for (int64_t i = 0; i < buffer.size(); ++i) {
    const Expected expected = oracle(i);
    const double actual = buffer.get(i);
    double error = 0;
    double over = quotient(dtype, actual, expected.value, expected.tolerance, &error);
    if (over > 1) {
      double other_error = 0;
      const double other =
          quotient(dtype, actual, expected.alternative, expected.tolerance, &other_error);
      if (other < over) {
        over = other;
        error = other_error;
      }
    }
    worst_error = std::max(worst_error, error);
    if (over > worst || (over > 1 && worst_index < 0)) {
      worst = over;
      worst_index = i;
    }
  }
  if (worst > 1) {
    const Expected expected = oracle(worst_index);
    EQP_CHECK(worst <= 1,
              "%s[%lld]: expected %.17g, found %.17g, error over tolerance %.3g (tolerance %.3g)",
              output.c_str(), static_cast<long long>(worst_index), expected.value,
              buffer.get(worst_index), worst, expected.tolerance);
  } else {
    record_check();
  }
  report_.add_output(op_.entry, buffers_[0].dtype(), output, buffer.size(), worst_error, worst);
}

double Case::largest_error(const std::string& output, const std::function<double(int64_t)>& exact) {
  const Buffer& buffer = at(output);
  double worst = 0;
  for (int64_t i = 0; i < buffer.size(); ++i) {
    const double error = std::fabs(buffer.get(i) - exact(i));
    if (error > worst) worst = error;
  }
  return worst;
}

}  // namespace eqp::test
