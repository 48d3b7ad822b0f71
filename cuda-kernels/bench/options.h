// The command line of cuda_bench.
#pragma once

#include <string>
#include <vector>

namespace eqp::bench {

struct Options {
  bool help = false;
  bool quick = false;
  int device = 0;
  int iterations = 0;  // 0: 30, or 7 with --quick
  std::string csv;     // "": none
  std::string commit = "unknown";
  std::string filter;
  std::string error;  // what is wrong with the arguments, "" when nothing is

  int timed_iterations() const { return iterations > 0 ? iterations : quick ? 7 : 30; }
};

Options parse_options(const std::vector<std::string>& arguments);
extern const char* const kHelp;

}  // namespace eqp::bench
