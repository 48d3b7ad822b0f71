#include "model/fiber.h"

__asm__(R"(
.text
.globl eqp_model_switch
.hidden eqp_model_switch
.type eqp_model_switch, @function
eqp_model_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size eqp_model_switch, .-eqp_model_switch
)");
