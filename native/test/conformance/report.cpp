#include "conformance/report.h"

#include <algorithm>
#include <cstdio>

#include "harness/numbers.h"

namespace eqp::test {

bool Report::draw(const std::string& op, eqp_dtype dtype) {
  const std::string name = op + "," + dtype_text(dtype);
  Count& count = counts_[name];
  const int64_t index = count.ran + count.left_out;
  if (sample_.one_in <= 1 || index == 0) return true;
  // From the name and the place in its list, so that what other ops run changes nothing.
  uint64_t state = sample_.seed;
  for (const char letter : name) state = state * 31 + static_cast<unsigned char>(letter);
  Random random(state * 1'000'003 + static_cast<uint64_t>(index));
  if (random.below(sample_.one_in) == 0) return true;
  ++count.left_out;
  return false;
}

void Report::add_case(const std::string& op, eqp_dtype dtype) {
  ++counts_[op + "," + dtype_text(dtype)].ran;
}

void Report::add_skipped(const std::string& op, eqp_dtype dtype) {
  ++counts_[op + "," + dtype_text(dtype)].skipped;
}

void Report::add_output(const std::string& op, eqp_dtype dtype, const std::string& output,
                        int64_t elements, double error, double error_over_tolerance) {
  Row& row = rows_[op + "," + dtype_text(dtype) + "," + output];
  ++row.cases;
  row.elements += elements;
  row.error = std::max(row.error, error);
  row.error_over_tolerance = std::max(row.error_over_tolerance, error_over_tolerance);
}

void Report::print(const std::string& backend) const {
  printf("\n%-16s %-52s %6s %10s %12s %10s\n", "backend", "op,dtype,output", "cases", "elements",
         "max error", "/tolerance");
  for (const auto& [key, row] : rows_) {
    printf("%-16s %-52s %6lld %10lld %12.3e %10.3f\n", backend.c_str(), key.c_str(),
           static_cast<long long>(row.cases), static_cast<long long>(row.elements), row.error,
           row.error_over_tolerance);
  }
  for (const auto& [key, count] : counts_) {
    if (count.left_out > 0) {
      printf("%-16s %-52s %lld of %lld cases ran: a sample of one in %lld, seed %llu\n",
             backend.c_str(), key.c_str(), static_cast<long long>(count.ran),
             static_cast<long long>(count.ran + count.left_out),
             static_cast<long long>(sample_.one_in), static_cast<unsigned long long>(sample_.seed));
    }
    if (count.skipped == 0) continue;
    printf("%-16s %-52s %lld of %lld cases skipped: dtype or size outside this backend\n",
           backend.c_str(), key.c_str(), static_cast<long long>(count.skipped),
           static_cast<long long>(count.skipped + count.left_out + count.ran));
  }
  printf("\n");
}

bool Report::write_csv(const std::string& path, const std::string& backend) const {
  FILE* file = fopen(path.c_str(), "w");
  if (file == nullptr) return false;
  fprintf(file,
          "backend,op,dtype,output,cases,elements,max_absolute_error,max_error_over_tolerance\n");
  for (const auto& [key, row] : rows_) {
    fprintf(file, "%s,%s,%lld,%lld,%.6e,%.4f\n", backend.c_str(), key.c_str(),
            static_cast<long long>(row.cases), static_cast<long long>(row.elements), row.error,
            row.error_over_tolerance);
  }
  return fclose(file) == 0;
}

int64_t Report::cases() const {
  int64_t total = 0;
  for (const auto& [key, count] : counts_) total += count.ran;
  return total;
}

}  // namespace eqp::test
