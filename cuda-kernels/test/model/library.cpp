// libequipoise_cuda with the execution model in the device's place. A libequipoise that lies in the
// same directory opens it at the first CUDA tensor, so that the whole way from the C ABI to the
// kernels is the real one; only the device is not.
#include <stdio.h>

#include "model/model.h"
#include "table.h"

namespace eqp {
namespace cuda {
namespace {

ErrorRecorder recorder = nullptr;

eqp_status check(const Stream& stream, const char** text) {
  DataErrors* const errors = data_errors(stream);
  if (errors->flags == 0) return EQP_OK;
  *text = data_error_text(*errors);
  *errors = DataErrors{};
  return EQP_INVALID_DATA;
}

const CudaLibrary kLibrary = {EQP_ABI_VERSION, &kBackend, "the host execution model, no device",
                              &check};

}  // namespace

// The model is device 0; another one cannot be chosen.
LaunchScope::LaunchScope(const char* op, const Stream& stream) : op_(op) {
  model::clear_findings();
  if (stream.device_index == 0) return;
  status_ = record_error(EQP_DEVICE_ERROR, op,
                         "choosing the tensors' device: the execution model has only device 0");
}
LaunchScope::~LaunchScope() = default;

// A finding is a defect of a kernel: the op fails, so that no test can overlook it.
eqp_status LaunchScope::finish() {
  if (status_ != EQP_OK) return status_;
  if (model::findings().empty()) return EQP_OK;
  return record_error(EQP_INTERNAL_ERROR, op_, model::findings()[0].c_str());
}

eqp_status record_error(eqp_status status, const char* op, const char* text) {
  return recorder(status, op, text);
}

}  // namespace cuda
}  // namespace eqp

extern "C" __attribute__((visibility("default"))) const eqp::CudaLibrary* eqp_cuda_library(
    eqp::ErrorRecorder record) {
  eqp::cuda::recorder = record;
  return &eqp::cuda::kLibrary;
}
