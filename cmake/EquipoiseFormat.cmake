# Target 'format' rewrites the C++ and CUDA sources, test 'format' checks them. Both need the major
# version of clang-format below, because versions disagree with each other; without it they are left out.
set(EQP_CLANG_FORMAT_VERSION 14)

find_program(EQP_CLANG_FORMAT NAMES clang-format-${EQP_CLANG_FORMAT_VERSION} clang-format)
set(found_version "none")
if(EQP_CLANG_FORMAT)
  execute_process(COMMAND ${EQP_CLANG_FORMAT} --version OUTPUT_VARIABLE found_version
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
if(NOT found_version MATCHES "version ${EQP_CLANG_FORMAT_VERSION}\\.")
  message(STATUS "C++ format: not checked, clang-format ${EQP_CLANG_FORMAT_VERSION} is needed, found: ${found_version}")
  return()
endif()

set(source_folders native/bench native/include native/src native/test cuda-kernels)
set(patterns "")
foreach(folder ${source_folders})
  foreach(suffix h cpp cu)
    list(APPEND patterns ${CMAKE_CURRENT_SOURCE_DIR}/../${folder}/*.${suffix})
  endforeach()
endforeach()
file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${patterns})
add_custom_target(format COMMAND ${EQP_CLANG_FORMAT} -i ${sources} VERBATIM)
if(EQP_BUILD_TESTS)
  add_test(NAME format COMMAND ${EQP_CLANG_FORMAT} --dry-run --Werror ${sources})
endif()
