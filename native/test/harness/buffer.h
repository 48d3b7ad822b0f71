// A tensor argument with canary bytes: before it, after it and in every gap between its rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/backend.h"

namespace eqp::test {

// How a tensor lies in memory. The innermost plane (the last dimension; of images the last two) is
// contiguous; `gap` elements lie between rows, channel planes and images; the first element is
// `offset` elements behind a 256-byte boundary.
struct Layout {
  int64_t gap = 0;
  int64_t offset = 0;
  int64_t alone = -1;  // the argument of a case that lies one element further than all others
};

class Buffer {
 public:
  Buffer() = default;
  // planes: number of innermost dimensions that are contiguous together (1, or 2 for [.., h, w]).
  Buffer(Backend* backend, eqp_dtype dtype, const std::vector<int64_t>& shape, Layout layout,
         int contiguous_dims);
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;

  bool present() const { return backend_ != nullptr; }
  eqp_dtype dtype() const { return tensor_.dtype; }
  int64_t size() const { return size_; }
  const eqp_tensor* tensor() const { return present() ? &tensor_ : nullptr; }
  eqp_tensor* mutable_tensor() { return &tensor_; }

  // Element i in row-major order of the shape, on the host copy.
  double get(int64_t i) const;
  void set(int64_t i, double value);
  std::vector<double> values() const;

  // Fills everything outside the elements (and, for outputs, the elements too) with canary bytes
  // that depend on `seed`.
  void fill_canaries(uint32_t seed, bool elements_too);
  void upload();
  // Reads back; `damage` becomes the text of the first canary or (for unchanged_elements) element
  // that was written, or "".
  std::string download(bool unchanged_elements);
  // Puts the host copy back to what was uploaded last.
  void restore() { host_ = uploaded_; }
  // All of this buffer's memory, canaries included.
  const unsigned char* memory() const { return static_cast<const unsigned char*>(memory_); }
  size_t memory_bytes() const { return host_.size(); }
  // The bytes of the elements alone, in row-major order.
  std::vector<unsigned char> element_bytes() const;

  // Under AddressSanitizer: makes every byte outside the elements unreadable during a call.
  void poison(bool on);

  // Makes this tensor use the other's memory and strides (in-place calls).
  void alias(const Buffer& other) {
    tensor_.data = other.tensor_.data;
    copy_strides(other);
  }
  void unalias();

 private:
  struct Bytes {
    size_t begin, end;
  };

  // The text of the first of these bytes that differs from what was uploaded, or "".
  std::string damage(const Bytes& bytes) const;
  int64_t byte_offset(int64_t i) const;
  void copy_strides(const Buffer& other);

  Backend* backend_ = nullptr;
  eqp_tensor tensor_{};
  eqp_tensor own_{};
  void* memory_ = nullptr;
  int64_t size_ = 0;
  int64_t first_ = 0;  // byte offset of element 0
  std::vector<unsigned char> host_;
  std::vector<unsigned char> uploaded_;
  std::vector<Bytes>
      gaps_;  // all that holds no element, in order; the first and the last are guards
};

}  // namespace eqp::test
