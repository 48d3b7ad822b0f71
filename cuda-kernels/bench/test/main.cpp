// cuda-bench-parts: the parts of cuda_bench that need no device: statistics, table, CSV, options.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "options.h"
#include "results.h"

namespace {

using namespace eqp::bench;

int checks = 0, failures = 0;

void check(bool good, const std::string& text) {
  ++checks;
  if (good) return;
  ++failures;
  std::printf("FAILED %s\n", text.c_str());
}

void expect(const std::string& what, const std::string& actual, const std::string& expected) {
  check(actual == expected, what + ": expected '" + expected + "', found '" + actual + "'");
}

std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void test_spread() {
  const Spread odd = spread_of({5, 1, 9});
  check(odd.median == 5 && odd.minimum == 1 && odd.maximum == 9 && odd.count == 3, "odd count");
  check(spread_of({4, 1, 2, 9}).median == 3, "the median of an even count lies in the middle");
  check(spread_of({7}).median == 7, "one value");
  check(spread_of({}).count == 0 && spread_of({}).median == 0, "no value");
}

Measurement example() {
  Measurement m;
  m.op = "linf_step";
  m.shape = "[8, 3, 448, 448]";
  m.dtype = "bf16";
  m.op_us = {20, 19.5, 25, 30};
  m.ideal_bytes = 40e6;
  m.ceiling = "3r1w";
  m.ceiling_us = {18, 17, 19, 30};
  m.error_over_tolerance = 0.25;
  m.clocks = {1755, 1980, 2619};
  return m;
}

void test_rates() {
  const Measurement m = example();
  check(m.gb_per_s() == 2000, "40 MB in 20 us are 2000 GB/s");
  check(m.ratio() == 0.9, "a ceiling of 18 us over an op of 20 us is 0.9");
  Measurement gemm;
  gemm.op_us = {200, 200, 200, 1};
  gemm.floating_point_operations = 100e9;
  check(gemm.tflop_per_s() == 500, "100 GFLOP in 200 us are 500 TFLOP/s");
  check(Measurement{}.gb_per_s() == 0 && Measurement{}.ratio() == 0, "nothing timed gives no rate");
}

void test_table() {
  const std::string header = table_header(), row = table_row(example());
  check(header.find("us ") < header.find("GB/s"), "header");
  const size_t end = header.find("GB/s") + 4;
  expect("the GB/s column", row.substr(end - 6, 6), "2000.0");
  expect("the ratio column", row.substr(header.find("ratio"), 5), "0.900");
  check(row.find("[19.50..25.00]") != std::string::npos, "range in " + row);
  check(row.find("3r1w 18.00 us") != std::string::npos, "ceiling in " + row);
  Measurement plain = example();
  plain.ceiling.clear();
  plain.ideal_bytes = 0;
  expect("no ceiling, no bytes", table_row(plain).substr(table_row(plain).find(']') + 1, 1), " ");
  check(table_row(plain).find("0.9") == std::string::npos, "no ratio without a ceiling");
}

void test_csv() {
  const std::string row =
      csv_row("2030-01-02T03:04:05Z", "abc", {"A \"big\", GPU", "580.1", "13.0"}, example());
  expect("csv row", row,
         "2030-01-02T03:04:05Z,abc,\"A \"\"big\"\", GPU\",580.1,13.0,1755,1980,2619,linf_step,"
         "\"[8, 3, 448, 448]\",bf16,30,20.000,19.500,25.000,40000000,2000.00,,3r1w,18.000,0.9000,"
         "0.2500\n");
  const std::string path = "cuda_bench_parts.csv";
  std::remove(path.c_str());
  expect("a new file", append_csv(path, {"1\n"}), "");
  expect("an old file", append_csv(path, {"2\n"}), "");
  expect("one header", content(path), csv_header() + "1\n2\n");
  std::ofstream(path) << "other,columns\n";
  check(!append_csv(path, {"3\n"}).empty(), "a file with other columns is refused");
  expect("a refused file", content(path), "other,columns\n");
  std::remove(path.c_str());
  check(!append_csv("no/such/folder/file.csv", {"1\n"}).empty(), "an impossible path is reported");
}

void test_options() {
  const Options plain = parse_options({});
  check(plain.error.empty() && !plain.quick && plain.timed_iterations() == 30, "defaults");
  const Options full = parse_options(
      {"--quick", "--csv", "a.csv", "--commit", "c", "--filter", "linf", "--device", "2"});
  check(full.error.empty() && full.quick && full.csv == "a.csv" && full.commit == "c" &&
            full.filter == "linf" && full.device == 2 && full.timed_iterations() == 7,
        "all options");
  check(parse_options({"--iterations", "11", "--quick"}).timed_iterations() == 11, "iterations");
  check(parse_options({"--help"}).help, "help");
  for (const char* bad : {"--device", "--devise", "quick"})
    check(!parse_options({bad}).error.empty(), std::string("expected an error for ") + bad);
  for (const char* bad : {"0", "-1", "x", "", "3x"})
    check(!parse_options({"--iterations", bad}).error.empty(), std::string("iterations ") + bad);
}

}  // namespace

int main() {
  test_spread();
  test_rates();
  test_table();
  test_csv();
  test_options();
  std::printf("%d checks, %d failed\n", checks, failures);
  return failures == 0 ? 0 : 1;
}
