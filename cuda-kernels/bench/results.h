// One measurement, as a line of the table and as a line of the CSV file.
#pragma once

#include <string>
#include <vector>

#include "statistics.h"

namespace eqp::bench {

struct Machine {
  std::string gpu, driver, cuda;
};

struct Clocks {
  int sm_mhz = 0, sm_limit_mhz = 0, memory_mhz = 0;  // 0: unknown
};

struct Measurement {
  std::string op, shape, dtype;
  Spread op_us;
  double ideal_bytes = 0;                // that must cross the memory bus; 0: not counted
  double floating_point_operations = 0;  // 0: not counted
  std::string ceiling;                   // name of the fastest one; "": none
  Spread ceiling_us;
  double error_over_tolerance = -1;  // of the check before timing; negative: nothing to check
  Clocks clocks;

  double gb_per_s() const { return op_us.median > 0 ? ideal_bytes / op_us.median * 1e-3 : 0; }
  double tflop_per_s() const {
    return op_us.median > 0 ? floating_point_operations / op_us.median * 1e-6 : 0;
  }
  // 1 is as fast as the ceiling.
  double ratio() const { return op_us.median > 0 ? ceiling_us.median / op_us.median : 0; }
};

std::string table_header();
std::string table_row(const Measurement& m);

std::string csv_header();
std::string csv_row(const std::string& time, const std::string& commit, const Machine& machine,
                    const Measurement& m);
// Appends the lines, after the header when the file is new or empty. "" or what is wrong: a file
// with another header is left alone.
std::string append_csv(const std::string& path, const std::vector<std::string>& rows);

}  // namespace eqp::bench
