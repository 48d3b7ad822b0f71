# cmake -DPROGRAM=... -DCSV=... [-DARGUMENTS=--quick] -P run.cmake
# Runs cuda_bench with the commit of this checkout; fails when it does.
get_filename_component(folder ${CSV} DIRECTORY)
file(MAKE_DIRECTORY ${folder})
set(commit unknown)
find_program(git git)
if(git)
  execute_process(COMMAND ${git} -C ${CMAKE_CURRENT_LIST_DIR} describe --always --dirty
                  OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
  if(status EQUAL 0)
    set(commit ${found})
  endif()
endif()
separate_arguments(arguments UNIX_COMMAND "${ARGUMENTS}")
execute_process(COMMAND ${PROGRAM} --csv ${CSV} --commit ${commit} ${arguments} RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "cuda_bench ended with ${status}; its lines above say why")
endif()
