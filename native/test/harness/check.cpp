#include "harness/check.h"

#include <unistd.h>

#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <vector>

namespace eqp::test {
namespace {

constexpr int kPrintedFailuresPerGroup = 12;

struct Named {
  const char* name;
  TestFunction function;
};

struct State {
  std::mutex mutex;
  std::vector<Named> tests;
  std::vector<std::string> skips;
  int64_t checks = 0;
  int64_t failures = 0;
  int printed = 0;
};

State& state() {
  static State instance;
  return instance;
}

thread_local std::vector<std::string> context_stack;

}  // namespace

std::string format(const char* pattern, ...) {
  va_list arguments;
  va_start(arguments, pattern);
  char text[2048];
  vsnprintf(text, sizeof(text), pattern, arguments);
  va_end(arguments);
  return text;
}

void record_check() {
  std::lock_guard<std::mutex> lock(state().mutex);
  ++state().checks;
}

void record_failure(const char* file, int line, const std::string& text) {
  std::lock_guard<std::mutex> lock(state().mutex);
  ++state().failures;
  if (++state().printed > kPrintedFailuresPerGroup) return;
  const char* base = strrchr(file, '/');
  std::string where;
  for (const std::string& part : context_stack) where += part + ": ";
  printf("FAILED %s:%d: %s%s\n", base == nullptr ? file : base + 1, line, where.c_str(),
         text.c_str());
  fflush(stdout);
  // For the mutants: one failure says enough.
  if (getenv("EQP_TEST_FAIL_FAST") != nullptr) _exit(1);
}

void record_skip(const std::string& what, const std::string& reason) {
  std::lock_guard<std::mutex> lock(state().mutex);
  state().skips.push_back(what + ": " + reason);
  printf("SKIPPED %s: %s\n", what.c_str(), reason.c_str());
}

Context::Context(const std::string& text) { context_stack.push_back(text); }
Context::~Context() { context_stack.pop_back(); }

Registration::Registration(const char* name, TestFunction function) {
  state().tests.push_back(Named{name, function});
}

int64_t failures() {
  std::lock_guard<std::mutex> lock(state().mutex);
  return state().failures;
}

void begin_group() {
  std::lock_guard<std::mutex> lock(state().mutex);
  state().printed = 0;
}

int run_registered_tests(const std::string& filter) {
  int ran = 0;
  for (const Named& test : state().tests) {
    if (std::string(test.name).find(filter) == std::string::npos) continue;
    const int64_t failures_before = failures();
    begin_group();
    const auto start = std::chrono::steady_clock::now();
    try {
      test.function();
    } catch (const std::exception& error) {
      record_failure(__FILE__, __LINE__, std::string("exception: ") + error.what());
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const int64_t failed = failures() - failures_before;
    printf("%s %s (%.2f s)\n", failed == 0 ? "passed" : "FAILED", test.name, seconds);
    fflush(stdout);
    ++ran;
  }
  if (ran == 0) record_failure(__FILE__, __LINE__, "no test is named like '" + filter + "'");
  return finish_tests();
}

int finish_tests() {
  std::lock_guard<std::mutex> lock(state().mutex);
  printf("%lld checks, %lld failed, %zu skipped\n", static_cast<long long>(state().checks),
         static_cast<long long>(state().failures), state().skips.size());
  for (const std::string& skip : state().skips) printf("  skipped %s\n", skip.c_str());
  if (state().checks == 0) printf("FAILED: no check ran\n");
  return state().failures == 0 && state().checks > 0 ? 0 : 1;
}

}  // namespace eqp::test
