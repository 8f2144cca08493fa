target_sources(evidence PRIVATE ${CMAKE_SOURCE_DIR}/tools/twin/attempt.c)
target_include_directories(evidence PRIVATE ${CMAKE_SOURCE_DIR}/tools/twin)
