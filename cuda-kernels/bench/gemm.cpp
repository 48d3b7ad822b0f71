#include "gemm.h"

#include <dlfcn.h>
#include <library_types.h>

#include <memory>

#include "fill.h"
#include "tensors.h"

namespace eqp::bench {
namespace {

// From cublas_v2.h, which a toolkit without cuBLAS lacks.
constexpr int kNoTranspose = 0, kComputeF32 = 68, kDefaultAlgorithm = -1;
using Create = int (*)(void**);
using SetStream = int (*)(void*, cudaStream_t);
using GemmEx = int (*)(void*, int, int, int, int, int, const void*, const void*, cudaDataType, int,
                       const void*, cudaDataType, int, const void*, void*, cudaDataType, int, int,
                       int);

void* open_cublas() {
  for (const char* name : {"libcublas.so.13", "libcublas.so.12", "libcublas.so",
                           "/usr/local/cuda/lib64/libcublas.so"}) {
    void* const library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) return library;
  }
  return nullptr;
}

struct Problem {
  explicit Problem(int64_t size)
      : a(EQP_BF16, {size, size}), b(EQP_BF16, {size, size}), c(EQP_BF16, {size, size}) {
    a.fill(-1, 1, 1);
    b.fill(-1, 1, 2);
  }
  DeviceTensor a, b, c;
};

}  // namespace

Gemm make_gemm(int64_t size) {
  Gemm gemm;
  void* const library = open_cublas();
  if (library == nullptr) {
    gemm.problem =
        "libcublas.so.13 (or .12) was not found; install cuBLAS or put its folder into "
        "LD_LIBRARY_PATH to get this ceiling";
    return gemm;
  }
  const auto create = reinterpret_cast<Create>(dlsym(library, "cublasCreate_v2"));
  const auto set_stream = reinterpret_cast<SetStream>(dlsym(library, "cublasSetStream_v2"));
  const auto multiply = reinterpret_cast<GemmEx>(dlsym(library, "cublasGemmEx"));
  void* handle = nullptr;
  if (create == nullptr || set_stream == nullptr || multiply == nullptr || create(&handle) != 0) {
    gemm.problem = "cuBLAS was found but cannot be started on this device";
    return gemm;
  }
  const auto problem = std::make_shared<Problem>(size);
  const int n = static_cast<int>(size);
  const auto run = [=](cudaStream_t queue) {
    const float one = 1, zero = 0;
    int status = set_stream(handle, queue);
    if (status == 0) {
      status = multiply(handle, kNoTranspose, kNoTranspose, n, n, n, &one, problem->a.data(),
                        CUDA_R_16BF, n, problem->b.data(), CUDA_R_16BF, n, &zero, problem->c.data(),
                        CUDA_R_16BF, n, kComputeF32, kDefaultAlgorithm);
    }
    if (status != 0)
      throw std::runtime_error("cublasGemmEx answers with status " + std::to_string(status));
  };
  gemm.contestant = {"gemm", run};
  gemm.floating_point_operations = 2.0 * static_cast<double>(size * size * size);
  gemm.shape = shape_text({size, size, size});
  return gemm;
}

}  // namespace eqp::bench
