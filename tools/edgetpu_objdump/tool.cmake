find_library(CJSON cjson REQUIRED) # Debian: libcjson-dev
target_link_libraries(edgetpu_objdump PRIVATE ${CJSON})
target_compile_definitions(edgetpu_objdump PRIVATE EDGETPU_VERSION="${PROJECT_VERSION}")
