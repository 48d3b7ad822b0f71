#include "torch/libtorch.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>
#include <mutex>

#include "equipoise/torch.h"
#include "torch/error.h"
#include "torch/openmp.h"
#include "torch/plain_tensor.h"

namespace eqp::torch {
namespace {

constexpr char kOp[] = "eqp_torch_load";

LibTorch table;
std::atomic<bool> bound{false};
std::mutex binding;

// dlsym on a handle also searches the dependencies of that library (libc10), so where a symbol
// comes from is checked once, on a symbol that only libtorch_cpu has.
template <typename Function>
bool find(void* library, const char* name, Function& function) {
  void* symbol = dlsym(library, name);
  memcpy(&function, &symbol, sizeof(function));
  return symbol != nullptr;
}

bool same_file(const char* a, const char* b) {
  char real_a[PATH_MAX], real_b[PATH_MAX];
  return realpath(a, real_a) != nullptr && realpath(b, real_b) != nullptr &&
         strcmp(real_a, real_b) == 0;
}

eqp_status bind(const char* path, const void* one) {
  void* library = dlopen(path, RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
  if (library == nullptr) {
    return fail(EQP_DEVICE_ERROR, kOp, "%s is not loaded into this process; load LibTorch first",
                path);
  }
  // The handle is never closed: the bound functions must stay.
  uint64_t (*abi_version)() = nullptr;
  if (!find(library, "aoti_torch_abi_version", abi_version)) {
    return fail(EQP_UNSUPPORTED, kOp,
                "%s has no C shim (aoti_torch_abi_version); expected LibTorch %d.%d", path,
                EQP_TORCH_MAJOR, EQP_TORCH_MINOR);
  }
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(abi_version), &info) == 0 ||
      !same_file(info.dli_fname, path)) {
    return fail(
        EQP_DEVICE_ERROR, kOp,
        "the LibTorch functions found come from %s, expected %s; another LibTorch is loaded in "
        "this process",
        info.dli_fname, path);
  }
  const uint64_t version = abi_version();
  const int major = static_cast<int>(version >> 56),
            minor = static_cast<int>((version >> 48) & 255);
  if (major != EQP_TORCH_MAJOR || minor != EQP_TORCH_MINOR) {
    return fail(EQP_UNSUPPORTED, kOp, "expected LibTorch %d.%d, found %d.%d in %s", EQP_TORCH_MAJOR,
                EQP_TORCH_MINOR, major, minor, path);
  }
  const char* missing = nullptr;
  auto need = [&](const char* name, auto& function) {
    if (!find(library, name, function) && missing == nullptr) missing = name;
  };
  LibTorch& t = table;
  int32_t (*layout_strided)() = nullptr;
  int32_t (*device_cpu)() = nullptr;
  int32_t (*device_cuda)() = nullptr;
  need("aoti_torch_get_dtype", t.get_dtype);
  need("aoti_torch_get_layout", t.get_layout);
  need("aoti_torch_get_device_type", t.get_device_type);
  need("aoti_torch_get_device_index", t.get_device_index);
  need("aoti_torch_get_dim", t.get_dim);
  need("aoti_torch_get_sizes", t.get_sizes);
  need("aoti_torch_get_strides", t.get_strides);
  need("aoti_torch_get_data_ptr", t.get_data_ptr);
  need("aoti_torch_empty_strided", t.empty_strided);
  need("aoti_torch__reinterpret_tensor", t.reinterpret);
  need("aoti_torch_assign_tensors", t.assign_tensors);
  need("aoti_torch_delete_tensor_object", t.delete_tensor_object);
  need("aoti_torch_new_uninitialized_tensor", t.new_uninitialized_tensor);
  need("aoti_torch_zero_", t.zero);
  need("aoti_torch_grad_mode_is_enabled", t.grad_mode_is_enabled);
  need("aoti_torch_layout_strided", layout_strided);
  need("aoti_torch_device_type_cpu", device_cpu);
  need("aoti_torch_device_type_cuda", device_cuda);
  need("_ZN2at6native6is_negERKNS_6TensorE", t.is_neg);
  need("_ZNK3c1010TensorImpl13requires_gradEv", t.requires_grad);
  need("_ZN3c1010TensorImpl17set_requires_gradEb", t.set_requires_grad);
  need("_ZNK3c1010TensorImpl4gradEv", t.grad);
  need("_ZN2at4_ops5alias4callERKNS_6TensorE", t.alias);
  need("_ZN2at4_ops11_lazy_clone4callERKNS_6TensorE", t.lazy_clone);
  need("_ZN2at4_ops10mul_Tensor4callERKNS_6TensorES4_", t.mul);
  need("_ZN2at4_ops7addcmul4callERKNS_6TensorES4_S4_RKN3c106ScalarE", t.addcmul);
  need("_ZNK2at10TensorBase8set_dataERKS0_", t.set_data);
  if (missing != nullptr) {
    return fail(EQP_UNSUPPORTED, kOp, "%s has no function %s; expected LibTorch %d.%d", path,
                missing, EQP_TORCH_MAJOR, EQP_TORCH_MINOR);
  }
  t.strided = layout_strided();
  t.cpu = device_cpu();
  t.cuda = device_cuda();
  Handle undefined = nullptr;
  if (t.new_uninitialized_tensor(&undefined) != 0 || t.get_dtype(undefined, &t.undefined) != 0 ||
      t.delete_tensor_object(undefined) != 0) {
    return fail(EQP_DEVICE_ERROR, kOp, "%s cannot make an undefined tensor", path);
  }
  t.plain_keys = plain_keys(t);
  t.shares_threads = share_threads(library);
  t.one = one;
  snprintf(t.path, sizeof(t.path), "%s", path);
  return EQP_OK;
}

}  // namespace

const LibTorch* libtorch() { return bound.load(std::memory_order_acquire) ? &table : nullptr; }

}  // namespace eqp::torch

using namespace eqp::torch;

extern "C" {

eqp_status eqp_torch_load(const char* libtorch_cpu, const void* one) {
  if (libtorch_cpu == nullptr || one == nullptr) {
    return fail(EQP_INVALID_ARGUMENT, kOp, "%s: expected an address, found NULL",
                libtorch_cpu == nullptr ? "libtorch_cpu" : "one");
  }
  std::lock_guard<std::mutex> lock(binding);
  if (libtorch() != nullptr) {
    if (strcmp(table.path, libtorch_cpu) == 0) return EQP_OK;
    return fail(EQP_INVALID_ARGUMENT, kOp, "already bound to %s, asked for %s", table.path,
                libtorch_cpu);
  }
  EQP_TORCH_TRY(bind(libtorch_cpu, one));
  bound.store(true, std::memory_order_release);
  return EQP_OK;
}

const char* eqp_torch_library_version(void) { return EQP_VERSION_TEXT; }

int32_t eqp_torch_shares_threads(void) {
  const LibTorch* t = libtorch();
  return t != nullptr && t->shares_threads ? 1 : 0;
}

const char* eqp_torch_last_error(void) { return last_error(); }

void eqp_torch_delete(void* tensor) {
  const LibTorch* t = libtorch();
  if (t != nullptr && tensor != nullptr) t->delete_tensor_object(tensor);
}

}  // extern "C"
