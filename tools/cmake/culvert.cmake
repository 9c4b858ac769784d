# What every target of this project shares: language level, warnings, sanitizers, and the two
# functions that make a room and a test.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 23)
set(CULVERT_SANITIZE "" CACHE STRING "comma-separated sanitizers, empty for none")
option(CULVERT_COVERAGE "count which code the tests reach (tools/test --coverage)" OFF)
option(CULVERT_PRECOMPILE "compile the headers of others once for all sources" ON)
include(boringssl)
include(precompiled)

# What was compiled in one clone or build folder is found again by the next. With CCACHE_DEPEND the compiler runs once for
# a source, not twice; the rest is what ccache asks for where headers are precompiled.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1
    CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_C_COMPILER_LAUNCHER})
endif()

# One interface target carries warnings and sanitizers to our own code and to nothing else.
set(flags -Wall -Wextra -Wpedantic -Wconversion -Wno-sign-conversion -Wshadow -Wdangling -Wunused-result -Werror
  -Wno-missing-designated-field-initializers -fno-omit-frame-pointer)
set(link_flags -fuse-ld=lld-19)
if(CULVERT_SANITIZE)
  list(APPEND flags -fsanitize=${CULVERT_SANITIZE} -fno-sanitize-recover=all)
  list(APPEND link_flags -fsanitize=${CULVERT_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  list(APPEND flags -flto=thin)
  list(APPEND link_flags -flto=thin)
endif()
if(CULVERT_COVERAGE)
  # Counters live in the profile itself, since most daemons of a scenario end by SIGKILL. Paths are relative to the
  # build's folder, so that a compiler cache may serve another clone.
  list(APPEND flags -fprofile-instr-generate -fcoverage-mapping -fcoverage-compilation-dir=.
    "SHELL:-mllvm -runtime-counter-relocation")
  list(APPEND link_flags -fprofile-instr-generate)
endif()
add_library(culvert_options INTERFACE)
target_include_directories(culvert_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(culvert_options INTERFACE ${flags})
target_link_options(culvert_options INTERFACE ${link_flags})
if(CULVERT_PRECOMPILE AND NOT CULVERT_COVERAGE)
  culvert_precompile(culvert_options ${flags})
endif()

# culvert_room(NAME SOURCES a.cc … [LINKS culvert::base …] [PRIVATE_LINKS fmt …])
# A room is one static library `culvert::NAME`; what it links is what it may include.
function(culvert_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(culvert_${name} STATIC ${ROOM_SOURCES})
  add_library(culvert::${name} ALIAS culvert_${name})
  target_link_libraries(culvert_${name} PUBLIC culvert_options ${ROOM_LINKS} PRIVATE ${ROOM_PRIVATE_LINKS})
endfunction()

# culvert_program(NAME SOURCES … LINKS …)
function(culvert_program name)
  cmake_parse_arguments(PROGRAM "" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${PROGRAM_SOURCES})
  target_link_libraries(${name} PRIVATE culvert_options ${PROGRAM_LINKS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()

# culvert_test(TIER_NAME SOURCES … LINKS …): one doctest binary, bin/TIER_NAME_test.
function(culvert_test name)
  cmake_parse_arguments(TEST "" "" "SOURCES;LINKS" ${ARGN})
  culvert_program(${name}_test SOURCES ${TEST_SOURCES} ${PROJECT_SOURCE_DIR}/tests/support/main.cc LINKS ${TEST_LINKS})
endfunction()

# culvert_fuzz(NAME SOURCES NAME.cc … LINKS …): one libFuzzer target, bin/fuzz_NAME, in the preset `fuzz`
# alone. `fuzz_targets` builds them all and nothing else.
function(culvert_fuzz name)
  if(NOT CULVERT_SANITIZE MATCHES "fuzzer-no-link")
    return()
  endif()
  cmake_parse_arguments(FUZZ "" "" "SOURCES;LINKS" ${ARGN})
  culvert_program(fuzz_${name} SOURCES ${FUZZ_SOURCES} LINKS ${FUZZ_LINKS})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  if(NOT TARGET fuzz_targets)
    add_custom_target(fuzz_targets)
  endif()
  add_dependencies(fuzz_targets fuzz_${name})
endfunction()
