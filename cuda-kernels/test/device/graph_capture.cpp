// cuda-graph-capture: every op, captured into a CUDA graph in global and in relaxed mode, instantiated
// and launched twice, gives the bits of the direct call. The calls come in sizes that take one
// launch and sizes that take several. Exit code 3 without a device. With EQP_CUDA_MODEL over the execution
// model, which records and launches graphs, too.
#include <cuda_runtime.h>

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "contract/legal_call.h"
#if defined(EQP_CUDA_MODEL)
#include "conformance/model_backend.h"
#else
#include "device_probe.h"
#endif
#include "harness/check.h"
#include "harness/entries.h"

namespace {

using namespace eqp::test;

[[maybe_unused]] constexpr int kNoDevice = 3;
#if defined(EQP_CUDA_MODEL)
constexpr int kCallsPerScale = 2;
constexpr Scale kScales[] = {{1, 1}, {12, 10}};
#else
constexpr int kCallsPerScale = 6;
// One block; several blocks; few long rows, which are split between blocks.
constexpr Scale kScales[] = {{1, 1}, {40, 60}, {1, 4000}};
#endif

void must(cudaError_t error, const char* what) {
  if (error != cudaSuccess)
    throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}

using Bytes = std::vector<std::vector<unsigned char>>;  // of every argument, canaries included

class CapturedCall {
 public:
  CapturedCall(Backend& backend, const Op& op, Random& random, bool all_present, Scale scale)
      : backend_(backend), op_(op), call_(backend, op, random, all_present, scale) {
    must(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "creating a stream");
    uint64_t bytes = 0;
    if (op.workspace_size != nullptr)
      EQP_CHECK(op.workspace_size(backend.entries(), call_.options_bytes.data(), &call_.tensors[0],
                                  &bytes) == EQP_OK,
                "workspace size: %s", eqp_last_error());
    if (bytes < kErrorBytes) bytes = kErrorBytes;
    call_.launch.workspace = backend.allocate(bytes);
    call_.launch.workspace_size = bytes;
    call_.launch.stream = stream_;
    const char no_errors[kErrorBytes] = {};
    backend.copy_to(call_.launch.workspace, no_errors, sizeof(no_errors));
  }
  ~CapturedCall() {
    backend_.release(call_.launch.workspace);
    cudaStreamDestroy(stream_);
  }
  CapturedCall(const CapturedCall&) = delete;
  CapturedCall& operator=(const CapturedCall&) = delete;

  LegalCall& call() { return call_; }

  Bytes direct() {
    restore();
    EQP_CHECK(call_.call() == EQP_OK, "the direct call: %s", eqp_last_error());
    return results();
  }

  void expect_in_graph(cudaStreamCaptureMode mode, const char* mode_name, const Bytes& expected) {
    const cudaGraphExec_t graph = instantiate(mode);
    for (int launch = 1; launch <= 2; ++launch) {
      restore();
      must(cudaGraphLaunch(graph, stream_), "launching the graph");
      EQP_CHECK(results() == expected, "%s mode, launch %d: other bits than the direct call",
                mode_name, launch);
    }
    must(cudaGraphExecDestroy(graph), "destroying the graph");
  }

 private:
  static constexpr uint64_t kErrorBytes = 16;

  void restore() {
    call_.upload();
    must(cudaDeviceSynchronize(), "uploading");
  }

  cudaGraphExec_t instantiate(cudaStreamCaptureMode mode) {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    must(cudaStreamBeginCapture(stream_, mode), "beginning the capture");
    const eqp_status status = call_.call();
    const std::string text = eqp_last_error();
    must(cudaStreamEndCapture(stream_, &graph), "ending the capture");
    EQP_CHECK(status == EQP_OK, "the captured call: %s", text.c_str());
    size_t nodes = 0;
    must(cudaGraphGetNodes(graph, nullptr, &nodes), "counting the graph's nodes");
    EQP_CHECK(nodes > 0, "expected launches in the graph, found none");
    must(cudaGraphInstantiate(&executable, graph, 0), "instantiating the graph");
    must(cudaGraphDestroy(graph), "destroying the captured graph");
    return executable;
  }

  Bytes results() {
    EQP_CHECK(backend_.finish(&call_.launch) == EQP_OK, "after the call: %s", eqp_last_error());
    Bytes all;
    for (size_t i = 0; i < op_.arguments.size(); ++i) {
      const Buffer& buffer = call_.buffer(i);
      all.emplace_back(buffer.memory_bytes());
      backend_.copy_from(all.back().data(), buffer.memory(), buffer.memory_bytes());
    }
    return all;
  }

  Backend& backend_;
  const Op& op_;
  LegalCall call_;
  cudaStream_t stream_ = nullptr;
};

void test_op(Backend& backend, const Op& op) {
  begin_group();
  Random random(20250101);
  for (const Scale& scale : kScales) {
    for (int index = 0; index < kCallsPerScale; ++index) {
      Context context(format("%s, %lld x rows, %lld x columns, call %d", op.entry,
                             static_cast<long long>(scale.rows),
                             static_cast<long long>(scale.columns), index));
      CapturedCall captured(backend, op, random, index == 0, scale);
      if (std::string(op.entry) == "policy_loss" && index % 2 == 0) {
        // DAPO that counts its own tokens needs two launches over everything.
        captured.call().options<eqp_policy_loss_options>().normalizer = EQP_POLICY_NORMALIZER_DAPO;
      }
      const Bytes expected = captured.direct();
      captured.expect_in_graph(cudaStreamCaptureModeGlobal, "global", expected);
      captured.expect_in_graph(cudaStreamCaptureModeRelaxed, "relaxed", expected);
    }
  }
  printf("captured %s\n", op.entry);
}

#if defined(EQP_CUDA_MODEL)
std::unique_ptr<Backend> backend_here() { return make_model_backend(ModelRun::kShort); }
#else
std::unique_ptr<Backend> backend_here() { return make_cuda_backend(); }
#endif

}  // namespace

int main() {
#if !defined(EQP_CUDA_MODEL)
  const eqp::DeviceProbe probe = eqp::probe_device(CUDART_VERSION);
  if (!probe.problem.empty()) {
    fprintf(stderr, "cuda-graph-capture: nothing was tested, because %s.\n", probe.problem.c_str());
    return kNoDevice;
  }
#endif
  try {
    const auto backend = backend_here();
    for (const Op& op : ops()) test_op(*backend, op);
  } catch (const std::exception& error) {
    record_failure(__FILE__, __LINE__, error.what());
  }
  return finish_tests();
}
