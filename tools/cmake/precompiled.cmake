# culvert_precompile(TARGET FLAG…): the C++ sources of all that links TARGET, which is compiled with FLAGs, begin with a
# precompiled precompiled.h.
#
# CMake's own target_precompile_headers writes the path of the build's folder into the result, so that a compiler cache
# serves no other clone. Read from standard input, at the file system's root and without times, the same headers give the
# same bytes everywhere.
function(culvert_precompile target)
  set(header ${PROJECT_SOURCE_DIR}/tools/cmake/precompiled.h)
  set(result ${PROJECT_BINARY_DIR}/precompiled.pch)
  string(TOUPPER CMAKE_CXX_FLAGS_${CMAKE_BUILD_TYPE} flags_of_type)
  set(standard ${CMAKE_CXX${CMAKE_CXX_STANDARD}_STANDARD_COMPILE_OPTION})
  list(JOIN ARGN " " flags)
  string(CONCAT command
    "cd / && ${CMAKE_CXX_COMPILER} ${CMAKE_CXX_FLAGS} ${${flags_of_type}} ${standard} ${flags}"
    " -Wno-pragma-once-outside-header -fpch-instantiate-templates -Xclang -fno-pch-timestamp"
    " -MD -MF ${result}.d -MT ${result} -x c++-header - -o ${result} <${header}")
  add_custom_command(OUTPUT ${result}
    COMMAND sh -c "${command}"
    DEPENDS ${header}
    DEPFILE ${result}.d
    COMMENT "Precompiling the headers of others"
    VERBATIM)
  add_custom_target(culvert_precompiled DEPENDS ${result})
  add_dependencies(${target} culvert_precompiled)
  target_compile_options(${target} INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-include-pch ${result}>")
endfunction()
