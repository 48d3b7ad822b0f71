// Small kernels, each with one bug of a class that the model claims to catch, and their clean
// twins.
#pragma once

#include <string>
#include <vector>

namespace eqp::model_test {

struct Specimen {
  std::string name;
  std::string expected;   // part of the finding; "" for clean kernels
  void (*run)(bool bug);  // launches the kernel, with or without its bug
};

const std::vector<Specimen>& specimens();

}  // namespace eqp::model_test
