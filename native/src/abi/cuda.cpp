// libequipoise_cuda is opened at the first CUDA tensor (or the first question about it), from the
// directory that holds libequipoise itself, so that no search path can bring in another build.
#include "abi/cuda.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "abi/error.h"

namespace eqp {
namespace {

constexpr char kFileName[] = "libequipoise_cuda.so";

const CudaLibrary* library = nullptr;  // null: not usable, and status_text says why
constexpr size_t kPathBytes = 1024;
char status_text[2 * kPathBytes];
pthread_once_t once = PTHREAD_ONCE_INIT;

void open_library() {
  Dl_info self;
  char path[kPathBytes];
  if (dladdr(reinterpret_cast<const void*>(&open_library), &self) == 0 ||
      self.dli_fname == nullptr) {
    snprintf(status_text, sizeof(status_text), "the directory of libequipoise cannot be found");
    return;
  }
  const char* const slash = strrchr(self.dli_fname, '/');
  const int directory = slash == nullptr ? 0 : static_cast<int>(slash - self.dli_fname) + 1;
  snprintf(path, sizeof(path), "%.*s%s", directory, self.dli_fname, kFileName);
  void* const handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    snprintf(status_text, sizeof(status_text), "%s is not loaded: %s", kFileName, dlerror());
    return;
  }
  const auto entry = reinterpret_cast<CudaLibraryEntry>(dlsym(handle, EQP_CUDA_LIBRARY_ENTRY));
  if (entry == nullptr) {
    snprintf(status_text, sizeof(status_text), "%s has no symbol %s", path, EQP_CUDA_LIBRARY_ENTRY);
    return;
  }
  const CudaLibrary* const opened = entry([](eqp_status status, const char* op, const char* text) {
    return fail(status, op, "%s", text);
  });
  if (opened->abi_version != EQP_ABI_VERSION) {
    snprintf(status_text, sizeof(status_text), "%s has ABI version %d, libequipoise has %d", path,
             opened->abi_version, EQP_ABI_VERSION);
    return;
  }
  snprintf(status_text, sizeof(status_text), "%s", opened->status);
  if (opened->backend != nullptr) library = opened;
}

const CudaLibrary* loaded() {
  pthread_once(&once, open_library);
  return library;
}

}  // namespace

const char* cuda_status() {
  loaded();
  return status_text;
}

const Backend* cuda_backend(const char* op) {
  const CudaLibrary* const cuda = loaded();
  if (cuda == nullptr) {
    fail(EQP_DEVICE_ERROR, op, "a CUDA tensor was given, but the CUDA backend cannot be used: %s",
         status_text);
    return nullptr;
  }
  return cuda->backend;
}

eqp_status cuda_check(const char* op, const Stream& stream) {
  const CudaLibrary* const cuda = loaded();
  if (cuda == nullptr) return EQP_OK;  // no device kernel can have run
  const char* text = "";
  const eqp_status status = cuda->check(stream, &text);
  return status == EQP_OK ? EQP_OK : fail(status, op, "%s", text);
}

bool cuda_is_capturing(void* stream) {
  const CudaLibrary* const cuda = loaded();
  return cuda != nullptr && cuda->is_capturing(stream);
}

}  // namespace eqp
