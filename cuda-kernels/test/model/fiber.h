// One CUDA thread of the execution model: a stack of its own and a switch of a few instructions.
#pragma once

#include <stddef.h>

#if !defined(__x86_64__)
#error "the fiber switch is written for x86-64"
#endif

namespace eqp::model {

// Saves the running context's stack pointer in *from and continues where `to` was saved. Only the
// callee-saved registers of the System V ABI are kept: everything else is dead across a call.
extern "C" void eqp_model_switch(void** from, void* to);

// Prepares a stack so that the first switch to the returned pointer calls entry(), which must never
// return.
inline void* make_fiber(char* stack, size_t bytes, void (*entry)()) {
  void** top = reinterpret_cast<void**>(stack + bytes);
  *--top = nullptr;  // keeps the stack 16-byte aligned at entry, as after a call
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; ++i) *--top = nullptr;  // rbp rbx r12 r13 r14 r15
  return top;
}

}  // namespace eqp::model
