// Every class of bug that the model claims to catch: caught in a kernel that has it, in every
// schedule, and not reported in its twin without it.
#include <cstdio>

#include "model/model.h"
#include "model_test/kernels.h"

namespace {

int failures = 0;
int checks = 0;

// The text holds one of the alternatives, which are separated by |.
bool holds(const std::string& text, const std::string& alternatives) {
  size_t begin = 0;
  while (begin <= alternatives.size()) {
    const size_t end = std::min(alternatives.find('|', begin), alternatives.size());
    if (text.find(alternatives.substr(begin, end - begin)) != std::string::npos) return true;
    begin = end + 1;
  }
  return false;
}

void check(bool good, const std::string& text) {
  ++checks;
  if (good) return;
  ++failures;
  printf("FAILED %s\n", text.c_str());
}

}  // namespace

int main() {
  using namespace eqp;
  const model::Order orders[] = {model::Order::kForward, model::Order::kReverse,
                                 model::Order::kDepthFirst, model::Order::kRandom};
  for (const model_test::Specimen& specimen : model_test::specimens()) {
    for (const model::Order order : orders) {
      for (const uint32_t preempt : {0u, 3u}) {
        model::Schedule schedule;
        schedule.order = order;
        schedule.seed = 7;
        schedule.preempt_one_in = preempt;
        model::set_schedule(schedule);
        const std::string where = specimen.name + ", order " +
                                  std::to_string(static_cast<int>(order)) + ", pre-emption 1/" +
                                  std::to_string(preempt);
        model::clear_findings();
        specimen.run(true);
        const std::string found = model::findings().empty() ? "nothing" : model::findings()[0];
        check(holds(found, specimen.expected),
              where + ": expected a finding with '" + specimen.expected + "', found " + found);
        model::clear_findings();
        specimen.run(false);
        check(model::findings().empty(),
              where + ", clean twin: expected nothing, found " +
                  (model::findings().empty() ? "nothing" : model::findings()[0]));
      }
    }
  }
  printf("%zu classes of bug, %d checks, %d failures\n", model_test::specimens().size(), checks,
         failures);
  return failures == 0 && checks > 0 ? 0 : 1;
}
