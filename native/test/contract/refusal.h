// Legal calls broken in one way, and what a refusal must be.
#pragma once

#include <functional>

#include "contract/legal_call.h"

namespace eqp::test {

Backend& cpu_backend();

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Calls and expects a refusal whose text names `about`.
void expect_refusal(LegalCall& call, const std::string& what, const std::string& about,
                    eqp_status expected = EQP_INVALID_ARGUMENT);

// Breaks a fresh legal call with every argument present, in one way; a change that is none says so by false.
void refuse(const Op& op, const std::string& what, const std::string& about,
            const std::function<bool(LegalCall&)>& change,
            eqp_status expected = EQP_INVALID_ARGUMENT);

}  // namespace eqp::test
