# Keeps the glibc that a library needs old, whatever glibc it is built against.
#
# Since glibc 2.34 libpthread and libdl live inside libc, and a library linked there asks for
# pthread_create@GLIBC_2.34 and so on. src/abi/old_glibc.h binds these names to the versions they had
# before; the two old libraries are named as needed, because on an older system they hold the symbols.
# test/symbols checks the result.
function(equipoise_link_old_glibc target)
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    return()
  endif()
  target_compile_options(${target} PRIVATE
    -include ${CMAKE_CURRENT_SOURCE_DIR}/src/abi/old_glibc.h)
  target_link_options(${target} PRIVATE
    -Wl,--no-as-needed -l:libpthread.so.0 -l:libdl.so.2 -Wl,--as-needed)
endfunction()
