# How every target of the native tree is compiled: one place for warnings, sanitizers and the flags
# of the CPU instruction sets.

option(EQP_WERROR "Treat compiler warnings as errors" OFF)
set(EQP_SANITIZE "" CACHE STRING "Sanitizers for every target, e.g. 'address,undefined' or 'thread'")

set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# No contraction into FMA behind our back: where an FMA is wanted it is written, so the bits depend
# on the source and the instruction set, never on the optimiser's mood.
set(EQP_COMPILE_OPTIONS -Wall -Wextra -Wshadow -ffp-contract=off -fno-math-errno
                        $<$<BOOL:${EQP_WERROR}>:-Werror>)
set(EQP_LINK_OPTIONS "")
# Of the CPU kernels.
set(EQP_KERNEL_OPTIMISATION -O3)
if(EQP_SANITIZE)
  # -O1: gcc needs minutes for instrumented code at -O3 (policy_loss.cpp: 187 s, at -O1 36 s), and the
  # fewer accesses it has optimised away, the more the sanitizers see.
  set(EQP_KERNEL_OPTIMISATION -O1)
  list(APPEND EQP_COMPILE_OPTIONS -fsanitize=${EQP_SANITIZE} -fno-sanitize-recover=all
              -fno-omit-frame-pointer -O1 -g1)
  # gcc's own documentation: instrumented code trips it; the ordinary build has the warning.
  list(APPEND EQP_COMPILE_OPTIONS -Wno-maybe-uninitialized)
  list(APPEND EQP_LINK_OPTIONS -fsanitize=${EQP_SANITIZE})
endif()

# The instruction sets, slowest first, with the flags their objects are compiled with. src/abi/variant.cpp
# asks the processor for exactly these features. A build for users holds all of them; proofs whose builds
# are slow (sanitizers) take a few: -DEQP_CPU_ISAS="baseline;avx2".
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(known_isas baseline avx2 avx512)
  set(EQP_ISA_FLAGS_baseline "")
  set(EQP_ISA_FLAGS_avx2 -mavx2 -mfma)
  # -Wno-...uninitialized: gcc 12's own avx512fintrin.h trips them (gcc bug 105593).
  set(EQP_ISA_FLAGS_avx512 -Wno-maybe-uninitialized -Wno-uninitialized -mavx2 -mfma -mavx512f -mavx512bw -mavx512dq -mavx512vl
                           -mprefer-vector-width=512)
else()
  set(known_isas generic)
  set(EQP_ISA_FLAGS_generic "")
endif()
set(EQP_CPU_ISAS ${known_isas} CACHE STRING "Instruction sets of the CPU backend, slowest first")
set(EQP_CPU_ISA_LIST "")
foreach(isa ${EQP_CPU_ISAS})
  if(NOT isa IN_LIST known_isas)
    message(FATAL_ERROR "EQP_CPU_ISAS: expected some of ${known_isas}, found '${isa}'")
  endif()
  string(APPEND EQP_CPU_ISA_LIST "X(${isa}) ")
endforeach()
string(STRIP "${EQP_CPU_ISA_LIST}" EQP_CPU_ISA_LIST)
