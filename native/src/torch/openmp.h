// Ops on CPU tensors, and OpenBLAS, run on the threads that LibTorch's own ops run on.
#pragma once

namespace eqp::torch {

// Makes the OpenMP that `libtorch_cpu` (a handle of dlopen) is linked with libequipoise's executor,
// and that of the OpenBLAS that it is linked with, if it is, and if that is 0.3.27 or later. False,
// and nothing changes, when there is no OpenMP.
//
// Why: an OpenMP worker keeps spinning for a while after each of LibTorch's parallel loops. Workers
// of another pool then have to displace it first, on as many processors as there are threads; the
// same team takes the next loop within microseconds, and finds in its caches what it wrote.
bool share_threads(void* libtorch_cpu);

}  // namespace eqp::torch
