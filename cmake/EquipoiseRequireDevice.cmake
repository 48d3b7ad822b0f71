# equipoise_require_device(): ends the configuration unless a CUDA device can be used, and adds code for
# that very device to CMAKE_CUDA_ARCHITECTURES, so that it runs what nvcc makes for it.
function(equipoise_require_device)
  string(REGEX MATCH "^([0-9]+)\\.([0-9]+)" ignored "${CMAKE_CUDA_COMPILER_VERSION}")
  math(EXPR needed "1000 * ${CMAKE_MATCH_1} + 10 * ${CMAKE_MATCH_2}")
  # Asked again each time: a driver may have been installed since.
  unset(EQP_DEVICE_RUNS CACHE)
  unset(EQP_DEVICE_COMPILES CACHE)
  try_run(EQP_DEVICE_RUNS EQP_DEVICE_COMPILES
    ${CMAKE_BINARY_DIR}/require-device ${CMAKE_CURRENT_SOURCE_DIR}/test/device/require_device.cpp
    CMAKE_FLAGS -DINCLUDE_DIRECTORIES=${CMAKE_CURRENT_SOURCE_DIR}
    LINK_LIBRARIES ${CMAKE_DL_LIBS}
    CXX_STANDARD 17
    COMPILE_OUTPUT_VARIABLE compiler_says
    RUN_OUTPUT_VARIABLE answer
    ARGS ${needed})
  if(NOT EQP_DEVICE_COMPILES)
    message(FATAL_ERROR "CUDA device: the program that asks for it does not compile:\n${compiler_says}")
  endif()
  if(NOT EQP_DEVICE_RUNS EQUAL 0)
    message(FATAL_ERROR
      "This build requires a CUDA device (EQP_REQUIRE_DEVICE, mvn -Pcuda), and none can be used: ${answer}.\n"
      "Nothing was built or tested. cuda-kernels/RUN_ON_GPU.md says what is needed; without a GPU, build without -Pcuda.")
  endif()
  set(architectures ${CMAKE_CUDA_ARCHITECTURES})
  if(NOT "${answer}-real" IN_LIST architectures)
    list(APPEND architectures ${answer}-real)
    set(CMAKE_CUDA_ARCHITECTURES ${architectures} PARENT_SCOPE)
  endif()
  message(STATUS "CUDA device: the first one has compute capability ${answer}")
endfunction()
