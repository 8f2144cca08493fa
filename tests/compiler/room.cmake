# Programs of the compiler are judged by the simulator and the verifier.
target_link_libraries(${name} PRIVATE judge)
