/* Equipoise C ABI: versions, errors, CPU variant, threads, CUDA presence. */
#ifndef EQUIPOISE_RUNTIME_H
#define EQUIPOISE_RUNTIME_H

#include "equipoise/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* EQP_ABI_VERSION of the loaded library. Never fails. */
EQP_API int32_t eqp_abi_version(void);

/* Version of the loaded library, e.g. "0.1.0". Static storage. */
EQP_API const char* eqp_library_version(void);

/* Text of this thread's last failed call, or "" if none failed. Valid until the thread's next
 * failing call. Recording it allocates nothing. */
EQP_API const char* eqp_last_error(void);

/* Checks what can be wrong with the process: EQP_INVALID_ARGUMENT when EQP_CPU_VARIANT names a
 * variant that does not exist or that this processor cannot run. Every op does the same check. */
EQP_API eqp_status eqp_initialize(void);

/* Name of the CPU variant in use ("baseline", "avx2", "avx512", "generic"); "" if initialisation
 * fails. */
EQP_API const char* eqp_cpu_variant(void);

/* Comma-separated names of the variants that this processor can run, slowest first. */
EQP_API const char* eqp_cpu_variants(void);

/* Threads used by CPU ops (including the caller); default: the processors available to the process.
 * Results do not depend on it. EQP_INVALID_ARGUMENT unless 1 <= threads <= 1024.
 * Safe to call at any time; running calls finish with the old number. */
EQP_API eqp_status eqp_set_num_threads(int32_t threads);
EQP_API int32_t eqp_num_threads(void);

/* Host executor: run(context, tasks, task, task_argument) must call task(task_argument, i) once for
 * every 0 <= i < tasks, in any order, on any threads, and return when all are done. NULL restores
 * the library's own pool. */
typedef void (*eqp_task)(void* task_argument, int64_t index);
typedef void (*eqp_executor)(void* context, int64_t tasks, eqp_task task, void* task_argument);
EQP_API eqp_status eqp_set_executor(eqp_executor run, void* context);

/* One line of text on the CUDA backend: what is loaded, or why it is not. Static or thread-local
 * storage. */
EQP_API const char* eqp_cuda_status(void);

/* Waits for the stream and reports errors in data that a device kernel flagged in this launch's errors.
 * On CPU always EQP_OK, because CPU ops validate before they write. While the stream is captured into
 * a CUDA graph nothing has run: EQP_INVALID_ARGUMENT, and the capture goes on. */
EQP_API eqp_status eqp_check(const eqp_launch* launch);

/* 1 while this cudaStream_t of the calling thread's device is captured into a CUDA graph, otherwise 0, also
 * without a device. */
EQP_API int32_t eqp_is_capturing(void* stream);

#ifdef __cplusplus
}
#endif
#endif
