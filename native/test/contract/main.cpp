// contract [filter]: runs the contract tests whose names contain the filter.
#include "harness/check.h"

int main(int argc, char** argv) { return eqp::test::run_registered_tests(argc > 1 ? argv[1] : ""); }
