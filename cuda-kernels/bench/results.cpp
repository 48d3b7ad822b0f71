#include "results.h"

#include <cstdio>
#include <fstream>

namespace eqp::bench {
namespace {

template <class... Values>
std::string text(const char* pattern, Values... values) {
  char line[512];
  std::snprintf(line, sizeof(line), pattern, values...);
  return line;
}

// Fields are quoted where they need it (RFC 4180).
std::string field(const std::string& value) {
  if (value.find_first_of(",\"\n") == std::string::npos) return value;
  std::string quoted = "\"";
  for (const char c : value) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string known(double value, const char* pattern) {
  return value > 0 ? text(pattern, value) : "";
}

// Enough digits for what takes microseconds and for what takes milliseconds.
std::string microseconds(double us) { return text(us < 100 ? "%.2f" : "%.1f", us); }

}  // namespace

std::string table_header() {
  return text("%-34s %-22s %-5s %10s %-23s %8s %6s  %s\n", "op", "shape", "dtype", "us",
              "[min..max]", "GB/s", "ratio", "ceiling");
}

std::string table_row(const Measurement& m) {
  const std::string range =
      "[" + microseconds(m.op_us.minimum) + ".." + microseconds(m.op_us.maximum) + "]";
  const std::string rate = m.floating_point_operations > 0 ? text("%.1f TFLOP/s", m.tflop_per_s())
                                                           : known(m.gb_per_s(), "%.1f");
  const std::string ratio = m.ceiling.empty() ? "" : text("%.3f", m.ratio());
  const std::string ceiling =
      m.ceiling.empty() ? "" : m.ceiling + " " + microseconds(m.ceiling_us.median) + " us";
  std::string line = text("%-34s %-22s %-5s %10s %-23s %8s %6s  %s", m.op.c_str(), m.shape.c_str(),
                          m.dtype.c_str(), microseconds(m.op_us.median).c_str(), range.c_str(),
                          rate.c_str(), ratio.c_str(), ceiling.c_str());
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string csv_header() {
  return "time_utc,commit,gpu,driver,cuda,sm_mhz,sm_limit_mhz,memory_mhz,op,shape,dtype,"
         "iterations,median_us,minimum_us,maximum_us,ideal_bytes,gb_per_s,tflop_per_s,ceiling,"
         "ceiling_us,ratio,error_over_tolerance\n";
}

std::string csv_row(const std::string& time, const std::string& commit, const Machine& machine,
                    const Measurement& m) {
  std::string row = time + "," + field(commit) + "," + field(machine.gpu) + "," +
                    field(machine.driver) + "," + field(machine.cuda);
  row += "," + known(m.clocks.sm_mhz, "%.0f") + "," + known(m.clocks.sm_limit_mhz, "%.0f") + "," +
         known(m.clocks.memory_mhz, "%.0f");
  row += "," + field(m.op) + "," + field(m.shape) + "," + m.dtype;
  row += text(",%lld,%.3f,%.3f,%.3f", static_cast<long long>(m.op_us.count), m.op_us.median,
              m.op_us.minimum, m.op_us.maximum);
  row += "," + known(m.ideal_bytes, "%.0f") + "," + known(m.gb_per_s(), "%.2f") + "," +
         known(m.tflop_per_s(), "%.2f");
  row += "," + field(m.ceiling) + "," + known(m.ceiling_us.median, "%.3f") + "," +
         known(m.ratio(), "%.4f");
  row += "," + (m.error_over_tolerance < 0 ? "" : text("%.4f", m.error_over_tolerance));
  return row + "\n";
}

std::string append_csv(const std::string& path, const std::vector<std::string>& rows) {
  std::string first_line;
  {
    std::ifstream present(path);
    std::getline(present, first_line);
  }
  const std::string header = csv_header();
  if (!first_line.empty() && first_line + "\n" != header)
    return path + " holds other columns; give another file to --csv. Nothing was written";
  std::ofstream file(path, std::ios::app);
  if (first_line.empty()) file << header;
  for (const std::string& row : rows) file << row;
  file.flush();
  return file ? "" : path + " cannot be written; does its folder exist?";
}

}  // namespace eqp::bench
