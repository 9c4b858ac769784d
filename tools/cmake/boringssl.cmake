# Finds the BoringSSL that tools/setup built and cached (or the one of -DBORINGSSL_ROOT=) and gives it
# as two imported targets, culvert_boringssl_ssl and culvert_boringssl_crypto. Only the tls room links them.
include_guard(GLOBAL)

if(NOT BORINGSSL_ROOT)
  set(cache_home "$ENV{XDG_CACHE_HOME}")
  if(NOT cache_home)
    set(cache_home "$ENV{HOME}/.cache")
  endif()
  set(BORINGSSL_ROOT "${cache_home}/culvert/boringssl-5.4.0" CACHE PATH
      "a BoringSSL build with include/ and lib/lib{ssl,crypto}.a; tools/setup makes one" FORCE)
endif()

if(NOT EXISTS "${BORINGSSL_ROOT}/lib/libssl.a")
  message(FATAL_ERROR "No BoringSSL at ${BORINGSSL_ROOT}: run tools/setup, which builds it there, or name another build with -DBORINGSSL_ROOT=.")
endif()

foreach(part IN ITEMS crypto ssl)
  add_library(culvert_boringssl_${part} STATIC IMPORTED GLOBAL)
  set_target_properties(culvert_boringssl_${part} PROPERTIES
    IMPORTED_LOCATION "${BORINGSSL_ROOT}/lib/lib${part}.a"
    INTERFACE_INCLUDE_DIRECTORIES "${BORINGSSL_ROOT}/include")
endforeach()
target_link_libraries(culvert_boringssl_crypto INTERFACE Threads::Threads)
target_link_libraries(culvert_boringssl_ssl INTERFACE culvert_boringssl_crypto)
