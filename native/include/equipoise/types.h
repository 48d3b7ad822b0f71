/* Equipoise C ABI: status codes, dtypes, the tensor descriptor and the launch record. */
#ifndef EQUIPOISE_TYPES_H
#define EQUIPOISE_TYPES_H

#include <stddef.h>
#include <stdint.h>

#if defined(EQP_BUILD) && defined(__GNUC__)
#define EQP_API __attribute__((visibility("default")))
#else
#define EQP_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Version of this ABI. A caller built against another number must not call anything else. */
#define EQP_ABI_VERSION 1

/* Every entry returns one of these. On anything but EQP_OK, eqp_last_error() of the same thread
 * names the op, the argument, what was expected and what was found. */
typedef int32_t eqp_status;
#define EQP_OK 0
#define EQP_INVALID_ARGUMENT 1 /* the caller broke the documented contract */
#define EQP_UNSUPPORTED 2      /* a legal request that this backend cannot serve */
#define EQP_INVALID_DATA \
  3 /* values inside a tensor break the contract (target out of range, ...) */
#define EQP_DEVICE_ERROR 4 /* driver, device or backend library trouble */
#define EQP_OUT_OF_MEMORY 5
#define EQP_INTERNAL_ERROR 6 /* a defect of this library */

/* X(NAME, value, bytes, text); BOOL holds 0 or 1 */
#define EQP_DTYPES(X)       \
  X(F32, 1, 4, "float32")   \
  X(F64, 2, 8, "float64")   \
  X(BF16, 3, 2, "bfloat16") \
  X(F16, 4, 2, "float16")   \
  X(I32, 5, 4, "int32")     \
  X(I64, 6, 8, "int64")     \
  X(U8, 7, 1, "uint8")      \
  X(BOOL, 8, 1, "bool")

typedef int32_t eqp_dtype;
#define EQP_DTYPE_CONSTANT(name, value, ...) EQP_##name = value,
enum { EQP_DTYPES(EQP_DTYPE_CONSTANT) };
#undef EQP_DTYPE_CONSTANT

typedef int32_t eqp_device_type;
#define EQP_CPU 1
#define EQP_CUDA 2

#define EQP_MAX_DIMS 4
#define EQP_MAX_CHANNELS 4

/* A view of memory the caller owns. Strides are in elements, not bytes; the innermost stride must
 * be 1 (a dimension of size 0 or 1 may have any stride). data may be NULL only when some shape
 * entry is 0. Entries of shape and stride beyond ndim are ignored. */
typedef struct eqp_tensor {
  void* data;
  eqp_dtype dtype;
  eqp_device_type device_type;
  int32_t device_index;
  int32_t ndim;
  int64_t shape[EQP_MAX_DIMS];
  int64_t stride[EQP_MAX_DIMS];
} eqp_tensor;

/* Where and with what scratch memory an op runs. NULL means: default stream, no workspace (legal
 * whenever the op's _workspace_size says 0, as it does on the CPU for all but pair losses that sort). */
typedef struct eqp_launch {
  uint32_t size;     /* sizeof(eqp_launch) */
  uint32_t reserved; /* 0 */
  void* workspace;   /* on the tensors' device, 16-byte aligned, also where an op needs none of it.
                        Calls that may run at the same time need a workspace each: those on other
                        streams, and those of CUDA graphs that are launched side by side, also when
                        they were captured on one stream. */
  uint64_t workspace_size; /* bytes */
  void* stream;            /* cudaStream_t; ignored by the CPU backend */
  void* errors; /* CUDA: 16 bytes on the tensors' device, 16-byte aligned, in which kernels collect
                   errors in data until eqp_check reads and clears them. Zero them once, before the
                   first use and before a capture, not in it: each launch of the graph would clear
                   what nobody has read. Any number of calls may share them. NULL, or a size that
                   ends before this field: the first 16 bytes of the workspace. */
} eqp_launch;

/* Every op takes an options struct, whose first field is its size. NULL: all defaults, those that
 * the op's _options_init fills in. size is what the caller's sizeof is, 4 to 4096: fields beyond it
 * take their defaults, so a caller of an older header goes on working; bytes beyond what this
 * library knows must be 0. Another size is refused, and so is, in an enum or a number, whatever its
 * comment does not list. */

/* How the elements of an image tensor are pixels: value = (pixel - mean[c]) / std[c] with pixel in
 * [0, 1]. channels == 0 means the identity for any channel count (values are pixels). Otherwise
 * channels must equal the tensor's dimension 1, every std must be finite and > 0.
 * copies: 0 or 1: each element is a pixel of its own. k > 1: tensors are [rows, channels, k, n], and
 * their k planes of n elements hold the same pixels (the temporal copies of a still image in packed
 * patches): they count once, their gradients are added, and all are written with the same bits. */
typedef struct eqp_pixel_space {
  int32_t channels;
  float mean[EQP_MAX_CHANNELS];
  float std[EQP_MAX_CHANNELS];
  int32_t copies;
} eqp_pixel_space;

#ifdef __cplusplus
}
#endif
#endif
