// How a formula is declared so that it can be compiled for the host, once per instruction set, and
// for a CUDA device.
//
// Everything in src/math lives in namespace eqp::EQP_ISA and has internal linkage. Were an ordinary
// inline function compiled in the AVX-512 and in the baseline object, the linker would keep one of
// the two, and a processor without AVX-512 could meet its instructions.
#pragma once

#include <stdint.h>

#if defined(__CUDACC__)
#define EQP_HD static __host__ __device__ __forceinline__
#else
#define EQP_HD static inline __attribute__((always_inline))
#endif

#ifndef EQP_ISA
#error "compile with -DEQP_ISA=<name of the instruction set>"
#endif
