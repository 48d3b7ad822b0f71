#include "torch/plain_tensor.h"

#include <string.h>

#include "torch/arguments.h"

namespace eqp::torch {
namespace {

// Where LibTorch 2.10 keeps things (bytes), sizes and strides of up to five dimensions:
// c10/core/TensorImpl.h, SizesAndStrides.h, StorageImpl.h.
constexpr int kStorage = 16, kExtraMeta = 32, kRank = 64, kSizes = 72, kStrides = 112,
              kStorageOffset = 152, kElements = 160, kScalarType = 168, kKeys = 176;
constexpr int kStorageData = 16, kStorageGuard = 59;

template <typename T>
T field(const void* object, int offset) {
  T value;
  memcpy(&value, static_cast<const char*>(object) + offset, sizeof(T));
  return value;
}

int scalar_bytes(int32_t type) {
  switch (type) {
    case kUint8:
    case kBool:
      return 1;
    case kHalf:
    case kBfloat16:
      return 2;
    case kInt32:
    case kFloat:
      return 4;
    case kInt64:
    case kDouble:
      return 8;
    default:
      return 0;
  }
}

// A tensor made while LibTorch is being bound.
class Probe {
 public:
  explicit Probe(const LibTorch& t, Handle handle = nullptr) : t_(t), handle_(handle) {}
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  ~Probe() {
    if (handle_ != nullptr) t_.delete_tensor_object(handle_);
  }
  Handle get() const { return handle_; }
  Handle* address() { return &handle_; }

 private:
  const LibTorch& t_;
  Handle handle_;
};

// Whether what is read of the tensor is what the C shim says.
bool agrees(const LibTorch& t, Handle tensor, uint64_t plain) {
  eqp_tensor view = {};
  int32_t type = -1, shim_type = -1;
  if (!read_plain(tensor, plain, &view, &type)) return false;
  int64_t rank = 0;
  int64_t *sizes = nullptr, *strides = nullptr;
  void* data = nullptr;
  if (t.get_dtype(tensor, &shim_type) != 0 || t.get_dim(tensor, &rank) != 0 ||
      t.get_sizes(tensor, &sizes) != 0 || t.get_strides(tensor, &strides) != 0 ||
      t.get_data_ptr(tensor, &data) != 0) {
    return false;
  }
  if (type != shim_type || view.ndim != rank || view.data != data) return false;
  for (int64_t d = 0; d < rank; ++d) {
    if (view.shape[d] != sizes[d] || view.stride[d] != strides[d]) return false;
  }
  return true;
}

}  // namespace

bool has_keys(const void* tensor, uint64_t keys) {
  return field<uint64_t>(impl(tensor), kKeys) == keys;
}

bool read_plain(const void* tensor, uint64_t plain, eqp_tensor* view, int32_t* type) {
  const void* const object = impl(tensor);
  if (!has_keys(tensor, plain) || field<void*>(object, kExtraMeta) != nullptr) return false;
  const void* const storage = field<void*>(object, kStorage);
  if (storage == nullptr || field<uint8_t>(storage, kStorageGuard) != 0) return false;
  *type = field<uint16_t>(object, kScalarType);
  const auto rank = field<uint64_t>(object, kRank);
  if (rank > EQP_MAX_DIMS) return false;
  view->device_type = EQP_CPU;
  view->device_index = 0;
  view->ndim = static_cast<int32_t>(rank);
  for (uint64_t d = 0; d < rank; ++d) {
    view->shape[d] = field<int64_t>(object, kSizes + static_cast<int>(d) * 8);
    view->stride[d] = field<int64_t>(object, kStrides + static_cast<int>(d) * 8);
  }
  // LibTorch gives an empty tensor no memory.
  view->data = field<int64_t>(object, kElements) == 0
                   ? nullptr
                   : field<char*>(storage, kStorageData) +
                         field<int64_t>(object, kStorageOffset) * scalar_bytes(*type);
  return true;
}

uint64_t plain_keys(const LibTorch& t) {
  const int64_t sizes[] = {2, 3, 1, 4}, strides[] = {1200, 401, 400, 90};
  Probe first(t);
  if (t.empty_strided(2, sizes, strides, kFloat, t.cpu, -1, first.address()) != 0) return kNoKeys;
  const auto plain = field<uint64_t>(impl(first.get()), kKeys);
  for (int32_t type : {kUint8, kInt32, kInt64, kHalf, kFloat, kDouble, kBool, kBfloat16}) {
    for (int64_t rank = 0; rank <= EQP_MAX_DIMS; ++rank) {
      Probe whole(t), part(t);  // part lies further on in the same memory
      if (t.empty_strided(rank, sizes, strides, type, t.cpu, -1, whole.address()) != 0 ||
          t.reinterpret(whole.get(), 0, sizes, strides, rank * 7, part.address()) != 0 ||
          !agrees(t, whole.get(), plain) || !agrees(t, part.get(), plain)) {
        return kNoKeys;
      }
    }
  }
  const int64_t none = 0, one = 1;
  Probe empty(t);
  if (t.empty_strided(1, &none, &one, kFloat, t.cpu, -1, empty.address()) != 0 ||
      !agrees(t, empty.get(), plain)) {
    return kNoKeys;
  }
  // A lazy clone shares its memory until somebody asks for the address: only LibTorch may answer.
  Probe lazy(t, new Returned(t.lazy_clone(first.get())));
  eqp_tensor view = {};
  int32_t type = 0;
  return read_plain(lazy.get(), plain, &view, &type) ? kNoKeys : plain;
}

}  // namespace eqp::torch
