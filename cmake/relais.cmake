# Helpers shared by every room's CMakeLists.txt.

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(relais_flags INTERFACE)
target_compile_options(relais_flags INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wconversion -Wswitch-enum -Wnon-virtual-dtor -Wold-style-cast
  -Wno-sign-conversion           # part of -Wconversion for clang only; g++ leaves it out
  -Wno-missing-field-initializers   # designated initialisers leave the rest at its default on purpose
  -fno-omit-frame-pointer)
target_compile_definitions(relais_flags INTERFACE RELAIS_VERSION="${PROJECT_VERSION}")
target_include_directories(relais_flags INTERFACE ${PROJECT_SOURCE_DIR})
if(RELAIS_SANITIZE)
  # Built at -O1 with few debug symbols: a third of the time, and traces still name lines. g++ takes the code that the
  # sanitizers add in Boost for a use of uninitialised values; the ordinary build has that warning on.
  target_compile_options(relais_flags INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -O1 -g1 -Wno-maybe-uninitialized)
  target_link_options(relais_flags INTERFACE -fsanitize=address,undefined)
endif()
if(RELAIS_FUZZ)
  add_custom_target(fuzzers)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "RELAIS_FUZZ needs clang: use `make fuzz`, or add -DCMAKE_CXX_COMPILER=clang++-16")
  endif()
  target_compile_options(relais_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
  target_link_options(relais_flags INTERFACE -fsanitize=address,undefined)
endif()

# relais_library(NAME SOURCES a.cpp b.cpp USES relais_base ... SYSTEM pkg::lib ...)
# A static library of one room. Without SOURCES it is header-only.
function(relais_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;SYSTEM" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC relais_flags ${ARG_USES} ${ARG_SYSTEM})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE relais_flags ${ARG_USES} ${ARG_SYSTEM})
  endif()
endfunction()

# relais_describe_test(NAME LABEL TIMEOUT)
# LABEL says what a test needs: check = nothing, fast; long = minutes; root = root; lab = root and the lab. One `ctest -j`
# runs them in that order (COST: higher first), and everything that needs root alone, so that load does not blur what it
# measures.
# A test that misses what it needs returns 77: "skipped".
function(relais_describe_test name label timeout)
  set(cost_check 3000)
  set(cost_long 2500)
  set(cost_root 2000)
  set(cost_lab 1000)
  if(NOT DEFINED cost_${label})
    message(FATAL_ERROR "test ${name}: label ${label} is none of check, long, root, lab")
  endif()
  if(RELAIS_SANITIZE)
    math(EXPR timeout "${timeout} * 3")  # what a test computes takes about ten times as long
  endif()
  set_tests_properties(${name} PROPERTIES
    LABELS ${label} TIMEOUT ${timeout} SKIP_RETURN_CODE 77 COST ${cost_${label}})
  if(label MATCHES "root|lab")
    set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE)
  endif()
endfunction()

# relais_test(NAME SOURCES a.cpp USES relais_base ... LABELS check TIMEOUT 120)
# A GoogleTest binary. LABELS: one of check (default), long, root, lab.
function(relais_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT;LABELS" "SOURCES;USES" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS check)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_USES} GTest::gtest GTest::gmock GTest::gtest_main relais_flags)
  target_compile_definitions(${name} PRIVATE RELAIS_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name})
  relais_describe_test(${name} ${ARG_LABELS} ${ARG_TIMEOUT})
endfunction()

# relais_script_test(NAME COMMAND python3 x.py ... LABELS check TIMEOUT 120)
# A test that is a command, run in the source tree. 0 = passed, 77 = skipped, anything else = failed.
function(relais_script_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT;LABELS" "COMMAND" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS check)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_test(NAME ${name} COMMAND ${ARG_COMMAND} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  relais_describe_test(${name} ${ARG_LABELS} ${ARG_TIMEOUT})
endfunction()

# relais_fuzz(NAME SOURCES a.cpp USES relais_wire ... CORPUS directory)
# A libFuzzer target: its sources define LLVMFuzzerTestOneInput. With RELAIS_FUZZ it is a fuzzer in ${build}/fuzz, which
# `make fuzz` runs. Without, it is a test that replays the corpus (a directory beside CMakeLists.txt, one file per input,
# also every input that once failed) and mutations of it: tests/fuzz/replay.cpp.
function(relais_fuzz name)
  cmake_parse_arguments(ARG "" "CORPUS" "SOURCES;USES" ${ARGN})
  set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_CORPUS})
  if(RELAIS_FUZZ)
    add_executable(${name} ${ARG_SOURCES})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    file(WRITE ${CMAKE_BINARY_DIR}/fuzz/${name}.corpus "${corpus}\n")
    add_dependencies(fuzzers ${name})
  else()
    add_executable(${name} ${ARG_SOURCES} ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.cpp)
    add_test(NAME ${name} COMMAND ${name} ${corpus})
    relais_describe_test(${name} check 120)
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_USES} relais_flags)
endfunction()
