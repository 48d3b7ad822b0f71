// The entries of equipoise/runtime.h.
#include "equipoise/runtime.h"

#include "abi/arguments.h"
#include "abi/cuda.h"
#include "abi/pool.h"
#include "abi/variant.h"

using namespace eqp;

int32_t eqp_abi_version(void) { return EQP_ABI_VERSION; }
const char* eqp_library_version(void) { return EQP_VERSION_TEXT; }
const char* eqp_last_error(void) { return last_error(); }

eqp_status eqp_initialize(void) {
  return cpu_backend("eqp_initialize") == nullptr ? EQP_INVALID_ARGUMENT : EQP_OK;
}

const char* eqp_cpu_variant(void) {
  const Backend* const backend = cpu_backend("eqp_cpu_variant");
  return backend == nullptr ? "" : backend->name;
}
const char* eqp_cpu_variants(void) { return cpu_variants(); }

eqp_status eqp_set_num_threads(int32_t threads) { return set_num_threads(threads); }
int32_t eqp_num_threads(void) { return num_threads(); }

eqp_status eqp_set_executor(eqp_executor run, void* context) {
  set_executor(run, context);
  return EQP_OK;
}

const char* eqp_cuda_status(void) { return cuda_status(); }

eqp_status eqp_check(const eqp_launch* launch) {
  if (launch == nullptr) return EQP_OK;
  Stream stream;
  EQP_TRY(launch_view("eqp_check", *launch, &stream));
  return stream.errors == nullptr ? EQP_OK : cuda_check("eqp_check", stream);
}

int32_t eqp_is_capturing(void* stream) { return cuda_is_capturing(stream) ? 1 : 0; }
