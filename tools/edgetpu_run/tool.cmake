target_compile_definitions(edgetpu_run PRIVATE VERSION="${PROJECT_VERSION}")
