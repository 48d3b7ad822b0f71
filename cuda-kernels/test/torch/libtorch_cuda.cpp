// What the adapter asks libtorch_cuda for, and a current stream that a test sets.
#include <cstdint>

namespace {
void* current_stream = nullptr;
}

extern "C" {
void fake_use_stream(void* stream) { current_stream = stream; }
int32_t aoti_torch_create_cuda_guard(int32_t, void** guard) {
  *guard = &current_stream;
  return 0;
}
int32_t aoti_torch_delete_cuda_guard(void*) { return 0; }
int32_t aoti_torch_get_current_cuda_stream(int32_t, void** stream) {
  *stream = current_stream;
  return 0;
}
}
