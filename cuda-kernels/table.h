// The backend table of this library, and what errors in data read like.
#pragma once

#include "launch.h"

namespace eqp {
namespace cuda {

#define EQP_DECLARE_ENTRY(member, arguments) eqp_status member(const arguments& call);
EQP_BACKEND_ENTRIES(EQP_DECLARE_ENTRY)
#undef EQP_DECLARE_ENTRY

extern const Backend kBackend;

// The text for what kernels flagged, in the calling thread's buffer.
const char* data_error_text(const DataErrors& errors);

}  // namespace cuda
}  // namespace eqp
