# bpf_object(NAME FILE): compiles FILE for the BPF target and makes its skeleton. The target
# culvert::bpf_NAME gives #include "NAME.skel.h" as a system header, since -Werror judges our code alone.
find_program(CULVERT_BPF_CLANG NAMES clang-19 REQUIRED)
find_program(CULVERT_BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin REQUIRED)

# <linux/types.h> includes <asm/types.h>, which Debian keeps in the folder of the host's triplet.
set(CULVERT_BPF_FLAGS -std=gnu23 -Wall -Wextra -Werror -g -O2 -mcpu=v3 -target bpf
  -isystem /usr/include/${CMAKE_LIBRARY_ARCHITECTURE} -I ${PROJECT_SOURCE_DIR})

function(bpf_object name file)
  set(source ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(skeleton_dir ${CMAKE_CURRENT_BINARY_DIR}/skeletons)
  set(skeleton ${skeleton_dir}/${name}.skel.h)
  file(MAKE_DIRECTORY ${skeleton_dir})
  add_custom_command(OUTPUT ${object}
    COMMAND ${CULVERT_BPF_CLANG} ${CULVERT_BPF_FLAGS} -MD -MF ${object}.d -c ${source} -o ${object}
    DEPENDS ${source} DEPFILE ${object}.d COMMENT "BPF ${file}" VERBATIM)
  add_custom_command(OUTPUT ${skeleton}
    COMMAND sh -c "\"$1\" gen skeleton \"$2\" name \"$3\" > \"$4.new\" && mv \"$4.new\" \"$4\""
      bpf_object ${CULVERT_BPFTOOL} ${object} ${name}_bpf ${skeleton}
    DEPENDS ${object} COMMENT "Skeleton ${name}.skel.h" VERBATIM)
  add_custom_target(bpf_${name}_skeleton DEPENDS ${skeleton})
  add_library(culvert_bpf_${name} INTERFACE)
  add_library(culvert::bpf_${name} ALIAS culvert_bpf_${name})
  add_dependencies(culvert_bpf_${name} bpf_${name}_skeleton)
  target_include_directories(culvert_bpf_${name} SYSTEM INTERFACE ${skeleton_dir})
  target_link_libraries(culvert_bpf_${name} INTERFACE culvert::abi)
endfunction()
