#include "table.h"

#include <stdio.h>

namespace eqp {
namespace cuda {

const Backend kBackend = {"cuda",
#define EQP_ENTRY(member, arguments) &member,
                          EQP_BACKEND_ENTRIES(EQP_ENTRY)
#undef EQP_ENTRY
};

const char* data_error_text(const DataErrors& errors) {
  thread_local char text[256];
  if ((errors.flags & kTargetOutOfRange) != 0) {
    snprintf(text, sizeof(text),
             "targets: expected targets in [0, vocab) or ignore_index, found others, the last one "
             "in row %u; "
             "their rows are NaN",
             errors.position - 1);
  } else if ((errors.flags & kLengthsInvalid) != 0) {
    snprintf(text, sizeof(text),
             "lengths: expected numbers >= 0, found others; all outputs are NaN");
  } else if ((errors.flags & kStepSizeInvalid) != 0) {
    snprintf(text, sizeof(text),
             "step_sizes: expected finite numbers >= 0, found others, the last one for image %u; "
             "where they step, pixels are NaN",
             errors.position - 1);
  } else if ((errors.flags & kRewardMeanInvalid) != 0) {
    snprintf(text, sizeof(text),
             "reward_mean: expected a count >= 0 in its second entry, found another; the new mean "
             "and the losses that it is part of are NaN");
  } else {
    snprintf(text, sizeof(text),
             "offsets: expected 0 in the first entry, non-decreasing entries and the number of "
             "samples (rows of images) in the "
             "last, found others; all outputs are NaN");
  }
  return text;
}

}  // namespace cuda
}  // namespace eqp
