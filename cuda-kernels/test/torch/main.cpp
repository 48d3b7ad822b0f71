// cuda-torch-launch-test: how the adapter for LibTorch launches (native/src/torch/launch.cpp), over the
// execution model and a LibTorch of the few functions that it takes. Its allocator gives freed memory out
// again at once, as LibTorch's does on one stream, and keeps that of a capture for the graph.
#include <cuda_runtime.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "conformance/model_backend.h"
#include "contract/legal_call.h"
#include "equipoise/torch.h"
#include "harness/check.h"
#include "harness/entries.h"
#include "model/model.h"
#include "model/runtime.h"
#include "torch/launch.h"

extern "C" void fake_use_stream(void* stream);

namespace {

using namespace eqp;
using namespace eqp::test;

// --- LibTorch ------------------------------------------------------------------------------------
struct Pool {
  std::multimap<int64_t, void*> free;
};
struct FakeTensor {
  Pool* pool;
  void* data;
  int64_t bytes;
};
Pool eager_pool;
Pool* pool_in_use = &eager_pool;
void* stream_in_use = nullptr;

int32_t empty_strided(int64_t ndim, const int64_t* shape, const int64_t*, int32_t, int32_t, int32_t,
                      torch::Handle* handle) {
  int64_t bytes = 1;  // every tensor that a launch makes is of bytes
  for (int64_t i = 0; i < ndim; ++i) bytes *= shape[i];
  const auto found = pool_in_use->free.find(bytes);
  void* data = nullptr;
  if (found == pool_in_use->free.end()) {
    data = model::allocate("of LibTorch", bytes, 1);
  } else {
    data = found->second;
    pool_in_use->free.erase(found);
  }
  *handle = new FakeTensor{pool_in_use, data, bytes};
  return 0;
}
int32_t delete_tensor_object(torch::Handle handle) {
  auto* const tensor = static_cast<FakeTensor*>(handle);
  tensor->pool->free.insert({tensor->bytes, tensor->data});
  delete tensor;
  return 0;
}
int32_t get_data_ptr(torch::Handle handle, void** data) {
  *data = static_cast<FakeTensor*>(handle)->data;
  return 0;
}
int32_t zero(torch::Handle handle) {
  const auto* const tensor = static_cast<FakeTensor*>(handle);
  return cudaMemsetAsync(tensor->data, 0, static_cast<size_t>(tensor->bytes),
                         static_cast<cudaStream_t>(stream_in_use));
}

torch::LibTorch make_libtorch() {
  torch::LibTorch t = {};
  t.empty_strided = empty_strided;
  t.delete_tensor_object = delete_tensor_object;
  t.get_data_ptr = get_data_ptr;
  t.zero = zero;
  t.cuda = 1;
  snprintf(t.path, sizeof(t.path), "%s", EQP_FAKE_LIBTORCH);
  return t;
}

}  // namespace

namespace eqp::torch {
const LibTorch* libtorch() {
  static const LibTorch table = make_libtorch();
  return &table;
}
}  // namespace eqp::torch

namespace {

class TestStream {
 public:
  TestStream() { cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking); }
  void use() const { fake_use_stream(stream_in_use = stream_); }
  cudaStream_t get() const { return stream_; }

  void begin_capture() {
    use();
    pools_.push_back(std::make_unique<Pool>());
    pool_in_use = pools_.back().get();
    cudaStreamBeginCapture(stream_, cudaStreamCaptureModeGlobal);
  }
  cudaGraphExec_t end_capture(size_t* nodes) {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    const cudaError_t error = cudaStreamEndCapture(stream_, &graph);
    EQP_CHECK(error == cudaSuccess, "expected a good capture, found error %d", error);
    pool_in_use = &eager_pool;
    if (graph == nullptr) return nullptr;
    cudaGraphGetNodes(graph, nullptr, nodes);
    cudaGraphInstantiate(&executable, graph, 0);
    return executable;
  }

 private:
  cudaStream_t stream_ = nullptr;
  std::vector<std::unique_ptr<Pool>> pools_;  // as long as the graphs
};

// A legal call that runs as the adapter runs it.
class AdapterCall {
 public:
  AdapterCall(Backend& backend, const char* entry, uint64_t seed)
      : backend_(backend), random_(seed), call_(backend, op_named(entry), random_, true) {}
  LegalCall* operator->() { return &call_; }

  eqp_status run(uint64_t more_bytes = 0) {
    torch::Arguments arguments("op");
    torch::Launch launch;
    const Op& op = call_.op();
    EQP_TORCH_TRY(launch.prepare(arguments, &call_.tensors[0], [&](uint64_t* bytes) {
      const eqp_status status = op.workspace_size(backend_.entries(), call_.options_bytes.data(),
                                                  &call_.tensors[0], bytes);
      *bytes += more_bytes;
      return status;
    }));
    call_.launch = *launch.get();
    return call_.call();
  }
  std::vector<unsigned char> bytes(const char* argument) {
    const Buffer& buffer = call_.buffer(static_cast<size_t>(call_.op().index_of(argument)));
    std::vector<unsigned char> all(buffer.memory_bytes());
    backend_.copy_from(all.data(), buffer.memory(), all.size());
    return all;
  }

 private:
  Backend& backend_;
  Random random_;
  LegalCall call_;
};

void expect_ok(eqp_status status, const char* what) {
  EQP_CHECK(status == EQP_OK, "%s: expected EQP_OK, found %d: %s, %s", what, status,
            torch::last_error(), eqp_last_error());
}

// An op whose targets are out of range, then one that needs more scratch memory.
void errors_survive_a_larger_op(Backend& backend) {
  TestStream stream;
  stream.use();
  AdapterCall bad(backend, "token_log_probs_forward", 1);
  bad->upload();
  const eqp_tensor& targets = bad->tensors[static_cast<size_t>(bad->op().index_of("targets"))];
  memset(targets.data, 0x7f,
         static_cast<size_t>(targets.shape[0] * (targets.dtype == EQP_I64 ? 8 : 4)));
  expect_ok(bad.run(), "an op with bad targets");
  AdapterCall good(backend, "linf_step", 2);
  good->upload();
  expect_ok(good.run(1 << 20), "a larger op");
  const eqp_status status = eqp_torch_check();
  EQP_CHECK(status == EQP_INVALID_DATA && strstr(torch::last_error(), "targets") != nullptr,
            "expected the bad targets to be reported, found %d", status);
  expect_ok(eqp_torch_check(), "a second check");
}

void the_first_op_is_not_captured(Backend& backend) {
  TestStream stream;
  AdapterCall call(backend, "linf_step", 3);
  call->upload();
  stream.begin_capture();
  const eqp_status status = call.run();
  EQP_CHECK(status == EQP_INVALID_ARGUMENT &&
                strstr(torch::last_error(), "before the capture") != nullptr,
            "expected a refusal that says what to do, found %d: %s", status, torch::last_error());
  size_t nodes = 7;
  stream.end_capture(&nodes);
  EQP_CHECK(nodes == 0, "expected nothing in the graph, found %zu nodes", nodes);
  expect_ok(eqp_torch_check(), "a check afterwards");
  stream.use();
  expect_ok(call.run(), "the op outside the capture");
  stream.begin_capture();
  expect_ok(call.run(), "the op in a second capture");
  stream.end_capture(&nodes);
  EQP_CHECK(nodes == 2, "expected the op's two launches alone, found %zu nodes", nodes);
}

// Momentum needs the sums of a launch before: each graph must find its own.
void graphs_of_one_stream_share_nothing(Backend& backend) {
  TestStream stream;
  stream.use();
  AdapterCall one(backend, "linf_step", 4), other(backend, "linf_step", 5);
  std::vector<cudaGraphExec_t> graphs;
  std::vector<std::vector<unsigned char>> expected;
  for (AdapterCall* call : {&one, &other}) {
    (*call)->upload();
    expect_ok(call->run(), "the direct call");
    expected.push_back(call->bytes("momentum"));
    size_t nodes = 0;
    stream.begin_capture();
    expect_ok(call->run(), "the captured call");
    graphs.push_back(stream.end_capture(&nodes));
    EQP_CHECK(nodes == 2, "expected two launches, found %zu nodes", nodes);
    (*call)->upload();
  }
  // What runs meanwhile on the stream does not touch them either.
  AdapterCall eager(backend, "linf_step", 6);
  eager->upload();
  expect_ok(eager.run(), "an op after the captures");
  EQP_CHECK(model::launch_side_by_side(graphs) == cudaSuccess, "expected the graphs to run: %s",
            cudaGetErrorString(cudaErrorLaunchFailure));
  EQP_CHECK(one.bytes("momentum") == expected[0] && other.bytes("momentum") == expected[1],
            "expected the bits of the direct calls, found others");
}

void waiting_holds_nobody_up(Backend& backend) {
  TestStream stream, another;
  stream.use();
  AdapterCall call(backend, "linf_step", 8);
  call->upload();
  expect_ok(call.run(), "an op");
  another.use();
  std::future<eqp_status> prepared;
  bool ended = false;
  model::while_waiting([&] {
    if (prepared.valid()) return;
    prepared = std::async(std::launch::async, [&] {
      torch::Arguments arguments("op");
      torch::Launch launch;
      return launch.prepare(arguments, &call->tensors[0], [](uint64_t* bytes) {
        *bytes = 16;
        return EQP_OK;
      });
    });
    ended = prepared.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  });
  expect_ok(eqp_torch_check(), "the check");
  model::while_waiting(nullptr);
  EQP_CHECK(ended, "expected an op on another stream to start while a check waits");
  expect_ok(prepared.get(), "the op on another stream");
}

}  // namespace

int main() {
  try {
    const auto backend = make_model_backend(ModelRun::kShort);
    backend->use_schedule(0);
    errors_survive_a_larger_op(*backend);
    the_first_op_is_not_captured(*backend);
    graphs_of_one_stream_share_nothing(*backend);
    waiting_holds_nobody_up(*backend);
  } catch (const std::exception& error) {
    record_failure(__FILE__, __LINE__, error.what());
  }
  return finish_tests();
}
