#include "harness/buffer.h"

#include <utility>

#include "harness/check.h"
#include "harness/numbers.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace eqp::test {
namespace {

constexpr int64_t kGuardBytes = 256;  // keeps the 256-byte alignment of allocate()

}  // namespace

Buffer::Buffer(Backend* backend, eqp_dtype dtype, const std::vector<int64_t>& shape, Layout layout,
               int contiguous_dims)
    : backend_(backend) {
  tensor_.dtype = dtype;
  tensor_.device_type = backend->device_type();
  tensor_.device_index = backend->device_index();
  tensor_.ndim = static_cast<int32_t>(shape.size());
  int64_t stride = 1;
  int64_t last = 0;
  size_ = 1;
  const int dims = static_cast<int>(shape.size());
  for (int d = dims - 1; d >= 0; --d) {
    tensor_.shape[d] = shape[static_cast<size_t>(d)];
    tensor_.stride[d] = stride;
    size_ *= tensor_.shape[d];
    last += (tensor_.shape[d] - 1) * stride;
    stride *= tensor_.shape[d];
    if (d <= dims - contiguous_dims) stride += layout.gap;
  }
  own_ = tensor_;
  const int64_t bytes = dtype_bytes(dtype);
  first_ = kGuardBytes + layout.offset * bytes;
  const int64_t extent = size_ == 0 ? 0 : (last + 1) * bytes;
  host_.assign(static_cast<size_t>(first_ + extent + kGuardBytes), 0);
  is_element_.assign(host_.size(), false);
  for (int64_t i = 0; i < size_; ++i) {
    const int64_t at = byte_offset(i);
    for (int64_t b = 0; b < bytes; ++b) is_element_[static_cast<size_t>(at + b)] = true;
  }
  memory_ = backend->allocate(host_.size());
  tensor_.data = static_cast<char*>(memory_) + first_;
  own_ = tensor_;
  fill_canaries(1, true);
}

Buffer::~Buffer() {
  if (backend_ == nullptr) return;
  poison(false);
  backend_->release(memory_);
}

Buffer::Buffer(Buffer&& other) noexcept { *this = std::move(other); }

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this == &other) return *this;
  if (backend_ != nullptr) backend_->release(memory_);
  backend_ = std::exchange(other.backend_, nullptr);
  tensor_ = other.tensor_;
  own_ = other.own_;
  memory_ = other.memory_;
  size_ = other.size_;
  first_ = other.first_;
  host_ = std::move(other.host_);
  uploaded_ = std::move(other.uploaded_);
  is_element_ = std::move(other.is_element_);
  return *this;
}

int64_t Buffer::byte_offset(int64_t i) const {
  const eqp_tensor& t = own_;
  int64_t element = 0;
  for (int d = t.ndim - 1; d >= 0; --d) {
    element += i % t.shape[d] * t.stride[d];
    i /= t.shape[d];
  }
  return first_ + element * dtype_bytes(t.dtype);
}

void Buffer::copy_strides(const Buffer& other) {
  for (int d = 0; d < EQP_MAX_DIMS; ++d) tensor_.stride[d] = other.tensor_.stride[d];
}

void Buffer::unalias() { tensor_ = own_; }

double Buffer::get(int64_t i) const {
  return load_element(&host_[static_cast<size_t>(byte_offset(i))], dtype());
}

void Buffer::set(int64_t i, double value) {
  store_element(&host_[static_cast<size_t>(byte_offset(i))], dtype(), value);
}

std::vector<double> Buffer::values() const {
  std::vector<double> result(static_cast<size_t>(size_));
  for (int64_t i = 0; i < size_; ++i) result[static_cast<size_t>(i)] = get(i);
  return result;
}

void Buffer::fill_canaries(uint32_t seed, bool elements_too) {
  for (size_t i = 0; i < host_.size(); ++i) {
    if (elements_too || !is_element_[i]) {
      host_[i] = static_cast<unsigned char>((i * 131 + seed * 2654435761u) >> 3 | 1);
    }
  }
}

void Buffer::upload() {
  uploaded_ = host_;
  backend_->copy_to(memory_, host_.data(), host_.size());
}

std::string Buffer::download(bool unchanged_elements) {
  backend_->copy_from(host_.data(), memory_, host_.size());
  for (size_t i = 0; i < host_.size(); ++i) {
    if (host_[i] == uploaded_[i] || (is_element_[i] && !unchanged_elements)) continue;
    return format("byte %lld relative to the first element (%s) was changed from 0x%02x to 0x%02x",
                  static_cast<long long>(i) - static_cast<long long>(first_),
                  is_element_[i] ? "an element of an input" : "a canary", uploaded_[i], host_[i]);
  }
  return "";
}

std::vector<unsigned char> Buffer::element_bytes() const {
  std::vector<unsigned char> bytes;
  bytes.reserve(static_cast<size_t>(size_ * dtype_bytes(dtype())));
  for (size_t i = 0; i < host_.size(); ++i) {
    if (is_element_[i]) bytes.push_back(host_[i]);
  }
  return bytes;
}

void Buffer::poison(bool on) {
  char* const begin = static_cast<char*>(memory_);
  // Runs of non-elements.
  for (size_t i = 0; i < host_.size();) {
    size_t end = i;
    while (end < host_.size() && !is_element_[end]) ++end;
    if (end > i) {
      backend_->guard(begin + i, end - i, on);
#if defined(__SANITIZE_ADDRESS__)
      // The sanitizer rounds each run inwards to its 8-byte granules.
      if (backend_->is_host_memory() && on) __asan_poison_memory_region(begin + i, end - i);
      if (backend_->is_host_memory() && !on) __asan_unpoison_memory_region(begin + i, end - i);
#endif
    }
    i = end + 1;
  }
}

}  // namespace eqp::test
