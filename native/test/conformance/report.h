// The table op x dtype x output: how many cases, and how far from the oracle.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "equipoise/types.h"

namespace eqp::test {

// Which cases run: every one, or one in `one_in`, drawn by `seed`. The first of each op and dtype
// always does, so that a sample leaves out no op, dtype or output.
struct Sample {
  int64_t one_in = 1;
  uint64_t seed = 0;
};

class Report {
 public:
  explicit Report(const Sample& sample = {}) : sample_(sample) {}

  // Whether the next case of the op and dtype is in the sample; the others are counted.
  bool draw(const std::string& op, eqp_dtype dtype);
  void add_case(const std::string& op, eqp_dtype dtype);
  void add_skipped(const std::string& op, eqp_dtype dtype);
  // error: largest |actual - expected| of the case, error_over_tolerance: largest quotient.
  void add_output(const std::string& op, eqp_dtype dtype, const std::string& output,
                  int64_t elements, double error, double error_over_tolerance);

  void print(const std::string& backend) const;
  // Columns: backend,op,dtype,output,cases,elements,max_absolute_error,max_error_over_tolerance.
  bool write_csv(const std::string& path, const std::string& backend) const;
  int64_t cases() const;

 private:
  struct Row {
    int64_t cases = 0;
    int64_t elements = 0;
    double error = 0;
    double error_over_tolerance = 0;
  };
  struct Count {
    int64_t ran = 0;
    int64_t skipped = 0;
    int64_t left_out = 0;
  };
  Sample sample_;
  std::map<std::string, Row> rows_;  // "op,dtype,output"
  std::map<std::string, Count> counts_;
};

}  // namespace eqp::test
