// What the ops' arguments are made of, after validation.
#pragma once

#include "equipoise/types.h"

namespace eqp {

// A [rows, columns] view with inner stride 1. data == nullptr: the optional tensor was not given.
struct Matrix {
  void* data = nullptr;
  eqp_dtype dtype = 0;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t row_stride = 0;  // in elements
};

// A contiguous vector; data == nullptr: not given.
struct Vector {
  void* data = nullptr;
  eqp_dtype dtype = 0;
  int64_t size = 0;
};

// An image batch: planes[i][c] are `copies` times `plane` contiguous elements. Where the op takes
// offsets, `images` counts the rows of dimension 0.
struct Images {
  void* data = nullptr;
  eqp_dtype dtype = 0;
  int32_t copies = 1;
  int64_t images = 0;
  int64_t channels = 0;
  int64_t plane = 0;
  int64_t image_stride = 0;
  int64_t channel_stride = 0;
};

// Where a device backend runs; of it the CPU backend uses the workspace alone.
struct Stream {
  void* stream = nullptr;
  void* workspace = nullptr;
  uint64_t workspace_size = 0;
  void* errors = nullptr;  // 16 bytes: the launch's, or the head of the workspace
  int32_t device_index = 0;
};

// Which rows of dimension 0 make an image.
struct ImageRows {
  Vector offsets;  // absent: a row is an image
  int64_t images = 0;
};

}  // namespace eqp
