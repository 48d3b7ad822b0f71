// The test harness: registration, checks and the summary. A failing check is recorded and the test
// goes on; the process ends with 1 when any check failed or nothing ran.
#pragma once

#include <cstdint>
#include <string>

namespace eqp::test {

// printf-style text.
__attribute__((format(printf, 1, 2))) std::string format(const char* pattern, ...);

void record_check();
void record_failure(const char* file, int line, const std::string& text);
// A part that could not run, and why: printed, and repeated in the summary.
void record_skip(const std::string& what, const std::string& reason);

// What the following checks are about; printed in front of each failure.
class Context {
 public:
  explicit Context(const std::string& text);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
};

using TestFunction = void (*)();
struct Registration {
  Registration(const char* name, TestFunction function);
};

// Runs the registered tests whose names contain `filter` and prints the summary; the exit code.
int run_registered_tests(const std::string& filter);
// Prints the summary of what has been recorded; the exit code.
int finish_tests();
int64_t failures();
// Starts a group of checks: the number of failures printed is limited per group.
void begin_group();

}  // namespace eqp::test

// EQP_CHECK(condition, "text %d", ...): the text says what was expected and what was found.
#define EQP_CHECK(condition, ...)                                                               \
  do {                                                                                          \
    ::eqp::test::record_check();                                                                \
    if (!(condition)) {                                                                         \
      ::eqp::test::record_failure(                                                              \
          __FILE__, __LINE__, std::string(#condition ": ") + ::eqp::test::format(__VA_ARGS__)); \
    }                                                                                           \
  } while (0)

#define EQP_TEST(name)                                                             \
  static void test_##name();                                                       \
  static const ::eqp::test::Registration registration_##name(#name, &test_##name); \
  static void test_##name()
