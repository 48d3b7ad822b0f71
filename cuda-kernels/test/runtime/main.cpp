// cuda-runtime-test: what libequipoise_cuda does with the CUDA runtime, over the execution model's: which
// device and contexts it touches, whose errors it reports, what it refuses during a capture. The
// devices are looked at once in a process, so every test runs in one of its own.
#include <cuda_runtime.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "conformance/model_backend.h"
#include "contract/legal_call.h"
#include "harness/check.h"
#include "harness/entries.h"
#include "model/model.h"
#include "model/runtime.h"

namespace {

using namespace eqp;
using namespace eqp::test;

constexpr uint64_t kErrorBytes = 16;

// A legal call on one of the devices, with a workspace there.
class DeviceCall {
 public:
  DeviceCall(Backend& backend, const char* entry, int device)
      : backend_(backend), random_(7), op_(op_named(entry)), call_(backend, op_, random_, true) {
    for (eqp_tensor& tensor : call_.tensors) tensor.device_index = device;
    uint64_t bytes = 0;
    if (op_.workspace_size != nullptr)
      op_.workspace_size(backend.entries(), call_.options_bytes.data(), &call_.tensors[0], &bytes);
    bytes += kErrorBytes;  // room for one that is shifted
    call_.launch.workspace = backend.allocate(bytes);
    call_.launch.workspace_size = bytes;
    const char no_errors[kErrorBytes] = {};
    backend.copy_to(call_.launch.workspace, no_errors, kErrorBytes);
    model::place(call_.launch.workspace, device);
  }
  LegalCall* operator->() { return &call_; }
  eqp_status check() { return eqp_check(&call_.launch); }

 private:
  Backend& backend_;
  Random random_;
  const Op& op_;
  LegalCall call_;
};

constexpr const char* kOp = "linf_step";

void expect_ok(eqp_status status, const char* what) {
  EQP_CHECK(status == EQP_OK, "%s: expected EQP_OK, found %d: %s", what, status, eqp_last_error());
}

// Whatever fails on the way of one call must not be told of the next one.
void errors_are_told_once(Backend& backend) {
  model::set_devices({90, 90});
  model::create_context(1);
  for (const char* function : {"cudaGetDevice", "cudaSetDevice", "cudaPointerGetAttributes",
                               "cudaStreamIsCapturing", "cudaGetDriverEntryPointByVersion"}) {
    Context context(function);
    DeviceCall elsewhere(backend, kOp, 1), here(backend, kOp, 0);
    model::fail_next(function, cudaErrorUnknown);
    const bool told = elsewhere->invoke() != EQP_OK || elsewhere.check() != EQP_OK;
    EQP_CHECK(model::last_error() == cudaSuccess, "expected no error left behind, found %d",
              model::last_error());
    if (told) EQP_CHECK(strlen(eqp_last_error()) > 0, "expected a text of what failed, found none");
    expect_ok(here->invoke(), "the next call");
    expect_ok(here.check(), "the next check");
  }
  // Of others: an error that nobody took is not this op's.
  DeviceCall here(backend, kOp, 0);

  cudaSetDevice(99);

  expect_ok(here->invoke(), "after another's error");
  cudaSetDevice(99);
  expect_ok(here.check(), "a check after another's error");
}

void no_context_appears(Backend& backend) {
  model::set_devices({90, 90});
  model::create_context(1);
  DeviceCall call(backend, kOp, 1);
  expect_ok(call->invoke(), "a call on the second device");
  expect_ok(call.check(), "a check on the second device");
  EQP_CHECK(!model::has_context(0), "expected no context on device 0, found one");
  int device = -1;
  cudaGetDevice(&device);
  EQP_CHECK(device == 0, "expected the thread's device to be 0 as before, found %d", device);
}

void the_choice_of_the_thread_stays(Backend& backend) {
  model::set_devices({90, 90, 90});
  model::create_context(2);
  cudaSetDevice(1);
  DeviceCall call(backend, kOp, 2);
  expect_ok(call->invoke(), "a call on another device");
  expect_ok(call.check(), "a check on another device");
  int device = -1;
  cudaGetDevice(&device);
  EQP_CHECK(device == 1, "expected the thread's device to be 1 as before, found %d", device);
}

void a_device_without_context_is_refused(Backend& backend) {
  model::set_devices({90, 90});
  model::clear_launches();
  DeviceCall call(backend, kOp, 1);
  const eqp_status status = call->invoke();
  EQP_CHECK(status == EQP_DEVICE_ERROR && strstr(eqp_last_error(), "cuda:1") != nullptr,
            "expected a refusal that names cuda:1, found %d: %s", status, eqp_last_error());
  EQP_CHECK(model::launches().empty() && !model::has_context(1), "expected nothing to be done");
}

void expect_refused(Backend& backend, int device, const char* text) {
  DeviceCall call(backend, kOp, device);
  const eqp_status status = call->invoke();
  EQP_CHECK(status == EQP_DEVICE_ERROR && strstr(eqp_last_error(), text) != nullptr,
            "expected a refusal with '%s', found %d: %s", text, status, eqp_last_error());
}

void expect_status(const char* text) {
  EQP_CHECK(strstr(eqp_cuda_status(), text) != nullptr, "expected '%s', found '%s'", text,
            eqp_cuda_status());
}

void the_first_device_is_old(Backend& backend) {
  model::set_devices({70, 90});
  model::create_context(1);
  expect_status("1 of 2 devices, first the host execution model (sm_90");
  DeviceCall call(backend, kOp, 1);
  expect_ok(call->invoke(), "a call on the second device, which is new enough");
  expect_refused(backend, 0, "cuda:0 of sm_70");
}

void another_device_is_old(Backend& backend) {
  model::set_devices({90, 70});
  model::create_context(1);
  DeviceCall call(backend, kOp, 0);
  expect_ok(call->invoke(), "a call on the first device, which is new enough");
  expect_refused(backend, 1, "cuda:1 of sm_70");
  expect_refused(backend, 2, "cuda:2");
  expect_refused(backend, -1, "cuda:-1");
}

void all_devices_are_old(Backend& backend) {
  model::set_devices({70, 61});
  expect_status("all devices are older than sm_75: 2 devices, first the host");
  expect_refused(backend, 0, "older than sm_75");
}

void workspaces_are_aligned(Backend& backend) {
  for (const Op& op : ops()) {
    Context context(op.function());
    for (const bool errors : {false, true}) {
      DeviceCall call(backend, op.entry, 0);
      void* const shifted = static_cast<char*>(call->launch.workspace) + 8;
      (errors ? call->launch.errors : call->launch.workspace) = shifted;
      call->launch.workspace_size -= errors ? 0 : 8;
      const eqp_status status = call->invoke();
      EQP_CHECK(status == EQP_INVALID_ARGUMENT &&
                    strstr(eqp_last_error(), "aligned to 16 bytes") != nullptr,
                "expected a refusal, found %d: %s", status, eqp_last_error());
      EQP_CHECK(call.check() == EQP_INVALID_ARGUMENT, "expected the check to refuse it, too");
    }
  }
}

// Targets out of range: of a whole launch record, and of one that ends before the field `errors`.
void errors_lie_where_the_launch_says(Backend& backend) {
  for (const bool apart : {true, false}) {
    Context context(apart ? "errors apart" : "errors in the workspace");
    DeviceCall call(backend, "token_log_probs_forward", 0);
    call->options<eqp_token_log_probs_options>().ignore_index = -5;
    const size_t targets = static_cast<size_t>(call->op().index_of("targets"));
    call->upload();
    memset(call->tensors[targets].data, 0x7f,
           static_cast<size_t>(call->tensors[targets].shape[0] *
                               (call->tensors[targets].dtype == EQP_I64 ? 8 : 4)));
    void* const errors = backend.allocate(kErrorBytes);
    const char no_errors[kErrorBytes] = {};
    backend.copy_to(errors, no_errors, kErrorBytes);
    call->launch.errors = errors;
    if (!apart) call->launch.size = offsetof(eqp_launch, errors);
    expect_ok(call->call(), "the call");
    eqp_launch other = call->launch;
    if (apart) {
      // The workspace may be gone by then.
      backend.release(call->launch.workspace);
      other.workspace = nullptr;
    } else {
      other.workspace = errors;
      expect_ok(eqp_check(&other), "a check elsewhere");
      other = call->launch;
    }
    EQP_CHECK(eqp_check(&other) == EQP_INVALID_DATA && strstr(eqp_last_error(), "targets"),
              "expected the targets to be reported, found '%s'", eqp_last_error());
    expect_ok(eqp_check(&other), "a second check");
  }
}

void a_check_leaves_a_capture_alone(Backend& backend) {
  cudaStream_t stream = nullptr;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  DeviceCall call(backend, kOp, 0);
  call->launch.stream = stream;
  EQP_CHECK(eqp_is_capturing(stream) == 0 && eqp_is_capturing(nullptr) == 0,
            "expected no capture before one begins");
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal);
  EQP_CHECK(eqp_is_capturing(stream) == 1, "expected the capture to be seen");
  expect_ok(call->invoke(), "the captured call");
  const eqp_status status = call.check();
  EQP_CHECK(status == EQP_INVALID_ARGUMENT && strstr(eqp_last_error(), "captured") != nullptr,
            "expected a refusal, found %d: %s", status, eqp_last_error());
  cudaGraph_t graph = nullptr;
  EQP_CHECK(cudaStreamEndCapture(stream, &graph) == cudaSuccess,
            "expected a capture that is still good");
  size_t nodes = 0;
  if (graph != nullptr) cudaGraphGetNodes(graph, nullptr, &nodes);
  EQP_CHECK(nodes > 0, "expected the call's launches in the graph, found none");
  expect_ok(call.check(), "a check after the capture");
}

struct Scenario {
  const char* name;
  void (*run)(Backend& backend);
};
#define EQP_SCENARIO(name) \
  { #name, name }
const Scenario kScenarios[] = {EQP_SCENARIO(errors_are_told_once),
                               EQP_SCENARIO(no_context_appears),
                               EQP_SCENARIO(the_choice_of_the_thread_stays),
                               EQP_SCENARIO(a_device_without_context_is_refused),
                               EQP_SCENARIO(the_first_device_is_old),
                               EQP_SCENARIO(another_device_is_old),
                               EQP_SCENARIO(all_devices_are_old),
                               EQP_SCENARIO(workspaces_are_aligned),
                               EQP_SCENARIO(errors_lie_where_the_launch_says),
                               EQP_SCENARIO(a_check_leaves_a_capture_alone)};

int run_here(const Scenario& scenario) {
  Context context(scenario.name);
  try {
    const auto backend = make_model_backend(ModelRun::kShort);
    backend->use_schedule(0);
    scenario.run(*backend);
  } catch (const std::exception& error) {
    record_failure(__FILE__, __LINE__, error.what());
  }
  return finish_tests();
}

}  // namespace

int main() {
  std::string failed;  // no failure is recorded before the last child, which would inherit it
  for (const Scenario& scenario : kScenarios) {
    printf("%s\n", scenario.name);
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) exit(run_here(scenario));
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
      failed += std::string(" ") + scenario.name;
  }
  EQP_CHECK(failed.empty(), "expected all to pass, found failures of%s", failed.c_str());
  return finish_tests();
}
