// The CUDA runtime (and the few driver entries that the library asks it for) over the execution model:
// devices, contexts, the thread's last error, streams, capture into graphs. runtime.cpp defines the
// functions of cuda_runtime.h; here is what a test arranges and sees.
//
// Work on a stream is done at once, in the order of the calls. While a stream is captured its launches,
// copies and fills are recorded instead; a graph runs them when it is launched. What CUDA refuses during a
// capture (waiting for the stream, allocating outside relaxed mode) is refused and spoils the capture.
// A failing call sets the thread's last error, which stays until cudaGetLastError takes it.
#pragma once

#include <cuda_runtime.h>  // before the model, which has its own gridDim

#include <functional>
#include <vector>

namespace eqp::model {

// Devices of these compute capabilities (90 for 9.0), without contexts, the first one current. At the
// start there is one, of 9.0.
void set_devices(const std::vector<int>& capabilities);
// Whether the device's primary context exists; creating one costs a real device hundreds of megabytes.
bool has_context(int device);
void create_context(int device);
// Memory from allocate() lies on device 0 unless this says otherwise.
void place(const void* memory, int device);

// The next call of this function ("cudaGetDevice") does nothing but fail.
void fail_next(const char* function, cudaError_t error);
cudaError_t last_error();
// Called while a thread waits for a stream.
void while_waiting(std::function<void()> call);

// Launches graphs as a device may when they are on different streams: a step of each in turn.
cudaError_t launch_side_by_side(const std::vector<cudaGraphExec_t>& graphs);

}  // namespace eqp::model
