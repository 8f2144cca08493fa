if(name STREQUAL test_twin_corpus)
  target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tools/twin/attempt.c)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tools/twin)
endif()
