#include "contract/refusal.h"

#include "harness/check.h"

namespace eqp::test {
Backend& cpu_backend() {
  static const std::unique_ptr<Backend> backend = make_cpu_backend();
  return *backend;
}

void expect_refusal(LegalCall& call, const std::string& what, const std::string& about,
                    eqp_status expected) {
  Context context(call.op().function() + ", " + what);
  const eqp_status status = call.invoke();
  const std::string text = eqp_last_error();
  const std::string damage = call.damage(true);
  EQP_CHECK(status == expected, "expected status %d, found %d: %s", expected, status, text.c_str());
  EQP_CHECK(damage.empty(), "a refused call wrote %s", damage.c_str());
  if (status == EQP_OK) return;
  EQP_CHECK(contains(text, call.op().function() + ":"), "expected the op's name, found '%s'",
            text.c_str());
  EQP_CHECK(contains(text, about), "expected a text about %s, found '%s'", about.c_str(),
            text.c_str());
  EQP_CHECK(contains(text, "expected") || contains(text, "exceeds") || contains(text, "built for"),
            "expected a text that says what was expected, found '%s'", text.c_str());
}

void refuse(const Op& op, const std::string& what, const std::string& about,
            const std::function<bool(LegalCall&)>& change, eqp_status expected) {
  Random random(404);
  LegalCall call(cpu_backend(), op, random, true);
  if (change(call)) expect_refusal(call, what, about, expected);
}

}  // namespace eqp::test
