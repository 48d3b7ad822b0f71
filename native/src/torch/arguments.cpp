#include "torch/arguments.h"

#include "torch/plain_tensor.h"

namespace eqp::torch {
namespace {

const char* scalar_type_name(int32_t type) {
  static const char* const names[] = {
      "uint8",     "int8",      "int16",      "int32", "int64", "float16", "float32", "float64",
      "complex32", "complex64", "complex128", "bool",  "qint8", "quint8",  "qint32",  "bfloat16"};
  return type >= 0 && type < 16 ? names[type] : "a dtype without name here";
}

eqp_dtype dtype_of(int32_t type) {
  switch (type) {
    case kUint8:
      return EQP_U8;
    case kInt32:
      return EQP_I32;
    case kInt64:
      return EQP_I64;
    case kHalf:
      return EQP_F16;
    case kFloat:
      return EQP_F32;
    case kDouble:
      return EQP_F64;
    case kBool:
      return EQP_BOOL;
    case kBfloat16:
      return EQP_BF16;
    default:
      return 0;
  }
}

int32_t scalar_type_of(eqp_dtype dtype) {
  static constexpr int32_t types[] = {-1,     kFloat, kDouble, kBfloat16, kHalf,
                                      kInt32, kInt64, kUint8,  kBool};
  return types[dtype];
}

bool defined(const void* tensor) {
  if (has_keys(tensor, libtorch()->plain_keys)) return true;
  int32_t type = libtorch()->undefined;
  libtorch()->get_dtype(const_cast<void*>(tensor), &type);
  return type != libtorch()->undefined;
}

}  // namespace

eqp_tensor part(const eqp_tensor& whole, int64_t offset, int64_t elements) {
  eqp_tensor view = whole;
  view.ndim = 1;
  view.shape[0] = elements;
  view.stride[0] = 1;
  view.data = static_cast<char*>(whole.data) + offset * (whole.dtype == EQP_F64 ? 8 : 4);
  return view;
}

eqp_status Arguments::begin() const {
  if (libtorch() != nullptr) return EQP_OK;
  return fail(EQP_DEVICE_ERROR, op_, "LibTorch is not bound; call eqp_torch_load first");
}

const eqp_tensor* Arguments::required(const char* name, const void* tensor) {
  if (tensor == nullptr && status_ == EQP_OK) {
    status_ = fail(EQP_INVALID_ARGUMENT, op_, "%s: expected a tensor, found NULL", name);
  }
  return view(name, tensor);
}

const eqp_tensor* Arguments::view(const char* name, const void* tensor) {
  if (tensor == nullptr || status_ != EQP_OK) return nullptr;
  eqp_tensor& view = views_[count_++];
  const LibTorch& t = *libtorch();
  int32_t type = t.undefined;
  const bool plain = read_plain(tensor, t.plain_keys, &view, &type);
  if (!plain) t.get_dtype(const_cast<void*>(tensor), &type);
  if (type == t.undefined) {
    status_ =
        fail(EQP_INVALID_ARGUMENT, op_, "%s: expected a tensor, found an undefined one", name);
    return nullptr;
  }
  view.dtype = dtype_of(type);
  if (view.dtype == 0) {
    status_ =
        fail(EQP_UNSUPPORTED, op_, "%s: dtype %s is not supported", name, scalar_type_name(type));
    return nullptr;
  }
  if (!plain) describe(name, tensor, &view);
  return status_ == EQP_OK ? &view : nullptr;
}

void Arguments::describe(const char* name, const void* tensor, eqp_tensor* view) {
  const LibTorch& t = *libtorch();
  Handle handle = const_cast<void*>(tensor);
  int32_t layout = 0, device = 0;
  t.get_layout(handle, &layout);
  if (layout != t.strided) {
    status_ = fail(EQP_UNSUPPORTED, op_,
                   "%s: expected a strided tensor, found a sparse or opaque layout", name);
    return;
  }
  if (t.is_neg(tensor)) {
    status_ = fail(EQP_UNSUPPORTED, op_,
                   "%s: this tensor is a lazily negated view; call resolve_neg() first", name);
    return;
  }
  t.get_device_type(handle, &device);
  view->device_index = 0;
  if (device == t.cpu) {
    view->device_type = EQP_CPU;
  } else if (device == t.cuda) {
    view->device_type = EQP_CUDA;
    t.get_device_index(handle, &view->device_index);
  } else {
    status_ = fail(EQP_UNSUPPORTED, op_,
                   "%s: expected a tensor on cpu or cuda, found device type %d", name, device);
    return;
  }
  int64_t ndim = 0;
  int64_t *shape = nullptr, *stride = nullptr;
  t.get_dim(handle, &ndim);
  t.get_sizes(handle, &shape);
  t.get_strides(handle, &stride);
  t.get_data_ptr(handle, &view->data);
  view->ndim = static_cast<int32_t>(ndim);
  for (int64_t i = 0; i < ndim && i < EQP_MAX_DIMS; ++i) {
    view->shape[i] = shape[i];
    view->stride[i] = stride[i];
  }
}

const eqp_tensor* Arguments::output(const char* name, void* tensor, const eqp_tensor* like,
                                    eqp_dtype dtype, std::initializer_list<int64_t> shape,
                                    bool* allocated) {
  if (tensor == nullptr || status_ != EQP_OK) return nullptr;
  if (defined(tensor)) return view(name, tensor);
  OwnedTensor fresh;
  const eqp_tensor* made =
      allocate(fresh, like, dtype, static_cast<int>(shape.size()), shape.begin());
  if (status_ != EQP_OK) return nullptr;
  libtorch()->assign_tensors(fresh.get(), tensor);
  if (allocated != nullptr) *allocated = true;
  return made;
}

const eqp_tensor* Arguments::allocate(OwnedTensor& owner, const eqp_tensor* like, eqp_dtype dtype,
                                      int ndim, const int64_t* shape) {
  if (status_ != EQP_OK) return nullptr;
  const LibTorch& t = *libtorch();
  eqp_tensor& view = views_[count_++];
  view.dtype = dtype;
  view.device_type = like->device_type;
  view.device_index = like->device_index;
  view.ndim = ndim;
  int64_t step = 1;
  for (int i = ndim - 1; i >= 0; --i) {
    view.shape[i] = shape[i];
    view.stride[i] = step;
    step *= shape[i] > 0 ? shape[i] : 1;
  }
  const bool cpu = like->device_type == EQP_CPU;
  Handle handle = nullptr;
  if (t.empty_strided(ndim, view.shape, view.stride, scalar_type_of(dtype), cpu ? t.cpu : t.cuda,
                      cpu ? -1 : like->device_index, &handle) != 0) {
    status_ = fail(EQP_OUT_OF_MEMORY, op_, "LibTorch could not allocate an output of %lld elements",
                   static_cast<long long>(step));
    return nullptr;
  }
  owner.reset(handle);
  t.get_data_ptr(handle, &view.data);
  return &view;
}

}  // namespace eqp::torch
