#include "options.h"

#include <cstdlib>

namespace eqp::bench {
namespace {

bool parse_number(const std::string& text, int minimum, int* number) {
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || value < minimum || value > 1000000) return false;
  *number = static_cast<int>(value);
  return true;
}

void set_value(Options* options, const std::string& flag, const std::string& value) {
  if (flag == "--csv") {
    options->csv = value;
  } else if (flag == "--commit") {
    options->commit = value;
  } else if (flag == "--filter") {
    options->filter = value;
  } else if (flag == "--device") {
    if (!parse_number(value, 0, &options->device))
      options->error = "--device: expected the number of a device, found '" + value + "'";
  } else if (flag == "--iterations") {
    if (!parse_number(value, 1, &options->iterations))
      options->error = "--iterations: expected a number from 1 on, found '" + value + "'";
  }
}

}  // namespace

const char* const kHelp =
    "cuda_bench [options]: checks every op of the C ABI on a CUDA device against the CPU backend,\n"
    "then times it against what the memory of this device can do.\n"
    "\n"
    "  --quick           a quarter of the sizes, f32 and bf16 only, 7 iterations\n"
    "  --csv FILE        append one line per measurement (with a header when FILE is new)\n"
    "  --commit ID       the commit to write into the CSV\n"
    "  --filter TEXT     only ops whose name contains TEXT\n"
    "  --iterations N    timed iterations of each op and each ceiling (default 30)\n"
    "  --device N        which device (default 0)\n"
    "  --help            this text\n"
    "\n"
    "Every iteration begins with a cold L2 cache and lies between two CUDA events. A ceiling is "
    "the\n"
    "fastest hand-written kernel (or device copy) that moves the same streams of bytes, timed in\n"
    "turn with the op; the ratio is its median over the op's. Small ops are compared with an "
    "empty\n"
    "kernel, and their rows 'call to result' are wall time seen by the caller.\n"
    "\n"
    "Exit codes: 0 everything was measured, 1 an op was wrong or failed, 2 wrong arguments,\n"
    "3 no CUDA device can be used (standard error says what is missing).\n";

Options parse_options(const std::vector<std::string>& arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size() && options.error.empty(); ++i) {
    const std::string& flag = arguments[i];
    const bool takes_value = flag == "--csv" || flag == "--commit" || flag == "--filter" ||
                             flag == "--device" || flag == "--iterations";
    if (flag == "--help" || flag == "-h") {
      options.help = true;
    } else if (flag == "--quick") {
      options.quick = true;
    } else if (!takes_value) {
      options.error = "unknown option '" + flag + "'; --help lists the options";
    } else if (i + 1 == arguments.size()) {
      options.error = flag + " needs a value";
    } else {
      set_value(&options, flag, arguments[++i]);
    }
  }
  return options;
}

}  // namespace eqp::bench
