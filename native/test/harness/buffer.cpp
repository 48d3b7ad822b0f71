#include "harness/buffer.h"

#include <cstddef>
#include <cstring>
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
  const int64_t run = dims == 0 ? 1 : tensor_.shape[dims - 1];
  int64_t end = 0;
  for (int64_t i = 0; i < size_; i += run) {
    const int64_t begin = byte_offset(i);
    if (begin > end) gaps_.push_back({static_cast<size_t>(end), static_cast<size_t>(begin)});
    end = begin + run * bytes;
  }
  gaps_.push_back({static_cast<size_t>(end), host_.size()});
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
  gaps_ = std::move(other.gaps_);
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
  const auto fill = [&](const Bytes& bytes) {
    for (size_t i = bytes.begin; i < bytes.end; ++i)
      host_[i] = static_cast<unsigned char>((i * 131 + seed * 2654435761u) >> 3 | 1);
  };
  if (elements_too) {
    fill({0, host_.size()});
  } else {
    for (const Bytes& gap : gaps_) fill(gap);
  }
}

void Buffer::upload() {
  uploaded_ = host_;
  backend_->copy_to(memory_, host_.data(), host_.size());
}

std::string Buffer::download(bool unchanged_elements) {
  backend_->copy_from(host_.data(), memory_, host_.size());
  if (unchanged_elements) return damage({0, host_.size()});
  for (const Bytes& gap : gaps_) {
    const std::string text = damage(gap);
    if (!text.empty()) return text;
  }
  return "";
}

std::string Buffer::damage(const Bytes& bytes) const {
  if (memcmp(&host_[bytes.begin], &uploaded_[bytes.begin], bytes.end - bytes.begin) == 0) return "";
  size_t i = bytes.begin;
  while (host_[i] == uploaded_[i]) ++i;
  bool canary = false;
  for (const Bytes& gap : gaps_) canary = canary || (gap.begin <= i && i < gap.end);
  return format("byte %lld relative to the first element (%s) was changed from 0x%02x to 0x%02x",
                static_cast<long long>(i) - static_cast<long long>(first_),
                canary ? "a canary" : "an element of an input", uploaded_[i], host_[i]);
}

std::vector<unsigned char> Buffer::element_bytes() const {
  std::vector<unsigned char> bytes;
  bytes.reserve(static_cast<size_t>(size_ * dtype_bytes(dtype())));
  for (size_t g = 0; g + 1 < gaps_.size(); ++g)
    bytes.insert(bytes.end(), host_.begin() + static_cast<std::ptrdiff_t>(gaps_[g].end),
                 host_.begin() + static_cast<std::ptrdiff_t>(gaps_[g + 1].begin));
  return bytes;
}

void Buffer::poison(bool on) {
  char* const begin = static_cast<char*>(memory_);
  for (const Bytes& gap : gaps_) {
    const size_t size = gap.end - gap.begin;
    backend_->guard(begin + gap.begin, size, on);
#if defined(__SANITIZE_ADDRESS__)
    // The sanitizer rounds each run inwards to its 8-byte granules.
    if (backend_->is_host_memory() && on) __asan_poison_memory_region(begin + gap.begin, size);
    if (backend_->is_host_memory() && !on) __asan_unpoison_memory_region(begin + gap.begin, size);
#endif
  }
}

}  // namespace eqp::test
