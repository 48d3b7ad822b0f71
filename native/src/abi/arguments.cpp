#include "abi/arguments.h"

#include <stdio.h>

namespace eqp {
namespace {

// By code; 0 is none.
#define EQP_BYTES(name, value, bytes, text) bytes,
constexpr int64_t kDtypeSize[] = {0, EQP_DTYPES(EQP_BYTES)};
#define EQP_TEXT(name, value, bytes, text) text,
const char* const kDtypeName[] = {"unknown", EQP_DTYPES(EQP_TEXT)};
#undef EQP_BYTES
#undef EQP_TEXT
constexpr int kDtypes = sizeof(kDtypeSize) / sizeof(kDtypeSize[0]);

// Byte extents stay below this, so that no address arithmetic can overflow.
constexpr int64_t kMaxBytes = int64_t{1} << 56;

using Text = char[160];

const char* shape_text(int ndim, const int64_t* shape, Text& text) {
  int used = snprintf(text, sizeof(text), "[");
  for (int i = 0; i < ndim; ++i) {
    used += snprintf(text + used, sizeof(text) - static_cast<size_t>(used),
                     i == 0 ? "%lld" : ", %lld", static_cast<long long>(shape[i]));
  }
  snprintf(text + used, sizeof(text) - static_cast<size_t>(used), "]");
  return text;
}

const char* dtypes_text(unsigned dtypes, Text& text) {
  int used = 0;
  text[0] = 0;
  for (int i = 1; i < kDtypes; ++i) {
    if ((dtypes & (1u << i)) == 0) continue;
    used += snprintf(text + used, sizeof(text) - static_cast<size_t>(used),
                     used == 0 ? "%s" : " or %s", kDtypeName[i]);
  }
  return text;
}

const char* device_text(const eqp_tensor& tensor, Text& text) {
  if (tensor.device_type == EQP_CPU) {
    snprintf(text, sizeof(text), "cpu");
  } else {
    snprintf(text, sizeof(text), "cuda:%d", tensor.device_index);
  }
  return text;
}

}  // namespace

int64_t dtype_size(eqp_dtype dtype) { return kDtypeSize[dtype]; }
const char* dtype_name(eqp_dtype dtype) {
  return dtype > 0 && dtype < kDtypes ? kDtypeName[dtype] : kDtypeName[0];
}

eqp_status Call::fail(eqp_status status, const char* format, ...) const {
  va_list arguments;
  va_start(arguments, format);
  fail_v(status, op_, format, arguments);
  va_end(arguments);
  return status;
}

eqp_status Call::input(const char* name, const eqp_tensor* tensor, unsigned dtypes, int min_dims,
                       int max_dims) {
  return add(name, tensor, dtypes, min_dims, max_dims, false);
}

eqp_status Call::output(const char* name, const eqp_tensor* tensor, unsigned dtypes, int min_dims,
                        int max_dims) {
  return add(name, tensor, dtypes, min_dims, max_dims, true);
}

eqp_status Call::scalar_output(const char* name, const eqp_tensor* tensor, unsigned dtypes) {
  EQP_TRY(output(name, tensor, dtypes, 0, 1));
  if (tensor->ndim == 1 && tensor->shape[0] != 1) {
    return fail(EQP_INVALID_ARGUMENT, "%s: expected shape [] or [1], found [%lld]", name,
                static_cast<long long>(tensor->shape[0]));
  }
  return EQP_OK;
}

eqp_status Call::workspace_size(uint64_t* bytes, uint64_t scratch_bytes) const {
  if (bytes == nullptr) return fail(EQP_INVALID_ARGUMENT, "bytes: expected an address, found NULL");
  const bool cuda = arguments_[0].tensor->device_type == EQP_CUDA;
  *bytes = (cuda ? kCudaWorkspaceBytes : 0) + scratch_bytes;
  return EQP_OK;
}

eqp_status Call::add(const char* name, const eqp_tensor* tensor, unsigned dtypes, int min_dims,
                     int max_dims, bool output) {
  Text text, other;
  if (tensor == nullptr) {
    return fail(EQP_INVALID_ARGUMENT, "%s: expected a tensor, found NULL", name);
  }
  const eqp_tensor& t = *tensor;
  if (t.dtype <= 0 || t.dtype >= kDtypes) {
    return fail(EQP_INVALID_ARGUMENT, "%s: expected dtype %s, found the unknown dtype code %d",
                name, dtypes_text(dtypes, text), t.dtype);
  }
  if ((dtypes & dtype_bit(t.dtype)) == 0) {
    return fail(EQP_INVALID_ARGUMENT, "%s: expected dtype %s, found %s", name,
                dtypes_text(dtypes, text), kDtypeName[t.dtype]);
  }
  if (t.device_type != EQP_CPU && t.device_type != EQP_CUDA) {
    return fail(EQP_INVALID_ARGUMENT,
                "%s: expected device type EQP_CPU (1) or EQP_CUDA (2), found the unknown code %d",
                name, t.device_type);
  }
  if (t.dtype == EQP_F16 && t.device_type == EQP_CPU) {
    return fail(EQP_UNSUPPORTED, "%s: float16 is not supported on the CPU; expected %s", name,
                dtypes_text(dtypes & ~kF16, text));
  }
  if (t.ndim < min_dims || t.ndim > max_dims) {
    if (t.ndim >= 0 && t.ndim <= EQP_MAX_DIMS) {
      return fail(EQP_INVALID_ARGUMENT, "%s: expected %d%s%.0d dimensions, found %d, shape %s",
                  name, min_dims, min_dims == max_dims ? "" : " to ",
                  min_dims == max_dims ? 0 : max_dims, t.ndim, shape_text(t.ndim, t.shape, text));
    }
    return fail(EQP_INVALID_ARGUMENT, "%s: expected at most %d dimensions, found ndim %d", name,
                EQP_MAX_DIMS, t.ndim);
  }
  const int64_t element = kDtypeSize[t.dtype];
  int64_t last = 0;   // offset of the last element
  int64_t dense = 1;  // elements of the dimensions further inside, for outputs
  bool empty = false;
  for (int i = t.ndim - 1; i >= 0; --i) {
    if (t.shape[i] < 0) {
      return fail(EQP_INVALID_ARGUMENT, "%s: expected sizes >= 0, found shape %s", name,
                  shape_text(t.ndim, t.shape, text));
    }
    if (t.shape[i] == 0) empty = true;
  }
  for (int i = t.ndim - 1; i >= 0 && !empty; --i) {
    if (t.shape[i] == 1) continue;
    if (i == t.ndim - 1 && t.stride[i] != 1) {
      return fail(
          EQP_INVALID_ARGUMENT,
          "%s: expected inner stride 1, found stride %lld in the last of its dimensions %s; "
          "make the tensor contiguous first",
          name, static_cast<long long>(t.stride[i]), shape_text(t.ndim, t.shape, text));
    }
    if (t.stride[i] < 0) {
      return fail(EQP_INVALID_ARGUMENT, "%s: expected strides >= 0, found %s", name,
                  shape_text(t.ndim, t.stride, text));
    }
    if (output && t.stride[i] < dense) {
      return fail(
          EQP_INVALID_ARGUMENT,
          "%s: expected an output whose elements have distinct addresses, found shape %s with "
          "strides %s",
          name, shape_text(t.ndim, t.shape, text), shape_text(t.ndim, t.stride, other));
    }
    int64_t step = 0;
    if (__builtin_mul_overflow(t.shape[i] - 1, t.stride[i], &step) ||
        __builtin_add_overflow(last, step, &last) || last >= kMaxBytes / 8) {
      return fail(EQP_INVALID_ARGUMENT, "%s: shape %s with strides %s exceeds the address space",
                  name, shape_text(t.ndim, t.shape, text), shape_text(t.ndim, t.stride, other));
    }
    dense = last + 1;
  }
  if (empty) {
    // The other sizes may be anything; they must not overflow when multiplied.
    int64_t product = 1;
    for (int i = 0; i < t.ndim; ++i) {
      if (t.shape[i] != 0 && __builtin_mul_overflow(product, t.shape[i], &product)) {
        return fail(EQP_INVALID_ARGUMENT, "%s: shape %s exceeds the address space", name,
                    shape_text(t.ndim, t.shape, text));
      }
    }
  } else {
    if (t.data == nullptr) {
      return fail(EQP_INVALID_ARGUMENT, "%s: expected data for shape %s, found a NULL address",
                  name, shape_text(t.ndim, t.shape, text));
    }
    if (reinterpret_cast<uintptr_t>(t.data) % static_cast<uintptr_t>(element) != 0) {
      return fail(EQP_INVALID_ARGUMENT,
                  "%s: expected an address aligned to the %lld bytes of %s, found %p", name,
                  static_cast<long long>(element), kDtypeName[t.dtype], t.data);
    }
    if (reinterpret_cast<uintptr_t>(t.data) >
        UINTPTR_MAX - static_cast<uintptr_t>(dense) * static_cast<uintptr_t>(element)) {
      return fail(EQP_INVALID_ARGUMENT,
                  "%s: the tensor at %p of shape %s exceeds the address space", name, t.data,
                  shape_text(t.ndim, t.shape, text));
    }
  }
  if (count_ > 0) {
    const eqp_tensor& first = *arguments_[0].tensor;
    if (t.device_type != first.device_type ||
        (t.device_type == EQP_CUDA && t.device_index != first.device_index)) {
      return fail(EQP_INVALID_ARGUMENT, "%s: expected the device of %s, %s, found %s", name,
                  arguments_[0].name, device_text(first, text), device_text(t, other));
    }
  }
  const uintptr_t begin = reinterpret_cast<uintptr_t>(t.data);
  const uintptr_t end = empty ? begin : begin + static_cast<uintptr_t>(dense * element);
  if (count_ < kMaxArguments) arguments_[count_++] = Argument{name, tensor, begin, end, output};
  return EQP_OK;
}

eqp_status Call::shape(const char* name, const eqp_tensor* tensor, int ndim,
                       const int64_t* expected, const char* why) const {
  if (tensor == nullptr) return EQP_OK;
  bool equal = tensor->ndim == ndim;
  for (int i = 0; equal && i < ndim; ++i) equal = tensor->shape[i] == expected[i];
  if (equal) return EQP_OK;
  Text found, wanted;
  return fail(EQP_INVALID_ARGUMENT, "%s: expected shape %s (from %s), found %s", name,
              shape_text(ndim, expected, wanted), why,
              shape_text(tensor->ndim, tensor->shape, found));
}

eqp_status Call::disjoint() const {
  for (int i = 0; i < count_; ++i) {
    if (!arguments_[i].output) continue;
    for (int j = 0; j < count_; ++j) {
      const Argument& out = arguments_[i];
      const Argument& other = arguments_[j];
      if (j == i || (other.output && j > i)) continue;
      if (out.begin >= other.end || other.begin >= out.end) continue;
      if (out.tensor == in_place_output_ && other.tensor == in_place_input_) {
        bool same = out.begin == other.begin && out.tensor->dtype == other.tensor->dtype;
        for (int d = 0; d < out.tensor->ndim; ++d) {
          same = same &&
                 (out.tensor->shape[d] <= 1 || out.tensor->stride[d] == other.tensor->stride[d]);
        }
        if (same) continue;
        return fail(EQP_INVALID_ARGUMENT,
                    "%s: expected the very memory of %s with the same strides, or disjoint memory; "
                    "found a partial overlap",
                    out.name, other.name);
      }
      return fail(EQP_INVALID_ARGUMENT, "%s: expected memory disjoint from %s, found an overlap",
                  out.name, other.name);
    }
  }
  return EQP_OK;
}

eqp_status launch_view(const char* op, const eqp_launch& launch, Stream* stream) {
  // Callers built before the field `errors` was added end there.
  constexpr size_t kOldestSize = offsetof(eqp_launch, errors);
  if (launch.size < kOldestSize) {
    return fail(EQP_INVALID_ARGUMENT, op, "launch: expected size %u, found %u",
                static_cast<unsigned>(sizeof(eqp_launch)), launch.size);
  }
  if (launch.reserved != 0) {
    return fail(EQP_INVALID_ARGUMENT, op, "launch: expected reserved 0, found %u", launch.reserved);
  }
  stream->stream = launch.stream;
  stream->workspace = launch.workspace;
  stream->workspace_size = launch.workspace == nullptr ? 0 : launch.workspace_size;
  stream->errors = launch.size < sizeof(eqp_launch) ? nullptr : launch.errors;
  // Also where an op needs none of it: the next one on it may.
  if (reinterpret_cast<uintptr_t>(stream->workspace) % 16 != 0) {
    return fail(EQP_INVALID_ARGUMENT, op,
                "launch: expected a workspace aligned to 16 bytes, found %p", stream->workspace);
  }
  if (reinterpret_cast<uintptr_t>(stream->errors) % 16 != 0) {
    return fail(EQP_INVALID_ARGUMENT, op, "launch: expected errors aligned to 16 bytes, found %p",
                stream->errors);
  }
  if (stream->errors == nullptr) stream->errors = stream->workspace;
  return EQP_OK;
}

eqp_status Call::launch(const eqp_launch* launch, Stream* stream, uint64_t cuda_bytes,
                        uint64_t scratch_bytes) const {
  const eqp_tensor& first = *arguments_[0].tensor;
  stream->device_index = first.device_index;
  if (launch != nullptr) EQP_TRY(launch_view(op_, *launch, stream));
  const bool cuda = first.device_type == EQP_CUDA;
  const uint64_t needed = (cuda ? cuda_bytes : 0) + scratch_bytes;
  if (stream->workspace_size < needed) {
    return fail(EQP_INVALID_ARGUMENT,
                "launch: expected a workspace of at least %llu bytes%s, found %llu",
                static_cast<unsigned long long>(needed), cuda ? " for a CUDA tensor" : "",
                static_cast<unsigned long long>(stream->workspace_size));
  }
  return EQP_OK;
}

eqp_status Call::options_bytes(const void* from, uint32_t from_size, void* to,
                               uint32_t to_size) const {
  constexpr uint32_t kLargestSize = 4096;  // no options struct will ever be this large
  if (from_size < sizeof(uint32_t) || from_size > kLargestSize) {
    return fail(
        EQP_INVALID_ARGUMENT,
        "options: expected size between 4 and %u (sizeof the struct is %u), found %u; call the "
        "_options_init function first",
        kLargestSize, to_size, from_size);
  }
  const unsigned char* bytes = static_cast<const unsigned char*>(from);
  for (uint32_t i = to_size; i < from_size; ++i) {
    if (bytes[i] != 0) {
      return fail(
          EQP_INVALID_ARGUMENT,
          "options: byte %u is set but this library knows only %u bytes of this struct: the "
          "caller was built for a newer version",
          i, to_size);
    }
  }
  memcpy(to, from, from_size < to_size ? from_size : to_size);
  memcpy(to, &to_size, sizeof(to_size));
  return EQP_OK;
}

const Backend* Call::backend() const {
  return arguments_[0].tensor->device_type == EQP_CPU ? cpu_backend(op_) : cuda_backend(op_);
}

}  // namespace eqp
