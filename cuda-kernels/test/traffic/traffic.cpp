#include "traffic/traffic.h"

#include <cstdio>
#include <cstring>

namespace eqp::traffic {
namespace {

int failure_count = 0;
std::vector<Row> measured;

const char* name_of(eqp_dtype dtype) {
  return dtype == EQP_F32 ? "f32" : dtype == EQP_BF16 ? "bf16" : "f16";
}

}  // namespace

void check(bool good, const std::string& text) {
  if (good) return;
  ++failure_count;
  printf("FAILED %s\n", text.c_str());
}

int failures() { return failure_count; }

const std::vector<Row>& rows() { return measured; }

int64_t size_of(eqp_dtype dtype) {
  switch (dtype) {
    case EQP_BF16:
    case EQP_F16:
      return 2;
    case EQP_I64:
      return 8;
    case EQP_U8:
      return 1;
    default:
      return 4;
  }
}

Tensor::Tensor(eqp_dtype dtype, const std::vector<int64_t>& shape, bool input) {
  tensor_.dtype = dtype;
  tensor_.device_type = EQP_CUDA;
  tensor_.ndim = static_cast<int32_t>(shape.size());
  int64_t elements = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    tensor_.shape[i] = shape[i];
    tensor_.stride[i] = elements;
    elements *= shape[i];
  }
  const int64_t bytes = elements * size_of(dtype);
  tensor_.data = model::allocate("tensor", bytes, static_cast<int>(size_of(dtype)));
  if (!input) return;
  for (int64_t i = 0; i < elements; ++i) fill(i);
  model::mark_initialised(tensor_.data, bytes);
}

void Tensor::fill(int64_t i) {
  switch (tensor_.dtype) {
    case EQP_F32:
      static_cast<float*>(tensor_.data)[i] = 0.5f;
      break;
    case EQP_BF16:
      static_cast<uint16_t*>(tensor_.data)[i] = 0x3f00;
      break;
    case EQP_F16:
      static_cast<uint16_t*>(tensor_.data)[i] = 0x3800;
      break;
    case EQP_I64:
      static_cast<int64_t*>(tensor_.data)[i] = 1;
      break;
    default:
      static_cast<uint8_t*>(tensor_.data)[i] = 1;
      break;
  }
}

Workspace::Workspace(uint64_t bytes) {
  memory_ = model::allocate("workspace", static_cast<int64_t>(bytes), 4);
  memset(memory_, 0, 16);
  model::mark_initialised(memory_, 16);
  launch_.size = sizeof(launch_);
  launch_.workspace = memory_;
  launch_.workspace_size = bytes;
}

void measure(const std::string& op, const std::string& shape, eqp_dtype dtype, const Ideal& ideal,
             const std::function<eqp_status()>& call) {
  model::clear_launches();
  const std::string where = op + " " + shape + " " + name_of(dtype);
  const eqp_status status = call();
  check(status == EQP_OK, where + ": expected EQP_OK, found " + eqp_last_error());
  model::Launch sum;
  for (const model::Launch& launch : model::launches()) {
    sum.read_bytes += launch.read_bytes;
    sum.written_bytes += launch.written_bytes;
    sum.read_sectors += launch.read_sectors;
    sum.written_sectors += launch.written_sectors;
    sum.requests += launch.requests;
    sum.wide_requests += launch.wide_requests;
    sum.bank_conflicts += launch.bank_conflicts;
    sum.blocks += launch.blocks;
  }
  check(sum.read_bytes == ideal.read_bytes,
        where + ": expected " + std::to_string(ideal.read_bytes) + " distinct bytes read, found " +
            std::to_string(sum.read_bytes));
  check(sum.written_bytes == ideal.written_bytes,
        where + ": expected " + std::to_string(ideal.written_bytes) +
            " distinct bytes written, found " + std::to_string(sum.written_bytes));
  const int64_t sectors = sum.read_sectors + sum.written_sectors;
  const int64_t limit = (ideal.read_bytes + ideal.written_bytes) / 32 + ideal.allowance;
  check(sectors <= limit, where + ": expected at most " + std::to_string(limit) +
                              " sectors, found " + std::to_string(sectors));
  check(sum.bank_conflicts == 0,
        where + ": expected no bank conflicts, found " + std::to_string(sum.bank_conflicts));
  measured.push_back(Row{op, shape, name_of(dtype), sum, model::launches().size()});
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (const int64_t size : shape) text += (text.size() == 1 ? "" : ", ") + std::to_string(size);
  return text + "]";
}

}  // namespace eqp::traffic
