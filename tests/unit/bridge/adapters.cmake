# The adapters, against real servers where a server is what they adapt to.
set(JETSTREAM_RIG jetstream_rig.c server.c proxy.c)
add_unit_test(test_jetstream SOURCES test_jetstream.c ${JETSTREAM_RIG}
  LIBRARIES bridge-adapters LABELS threads)
add_unit_test(test_jetstream_faults SOURCES test_jetstream_faults.c ${JETSTREAM_RIG}
  LIBRARIES bridge-adapters)
add_unit_test(test_redis SOURCES test_redis.c server.c proxy.c LIBRARIES bridge-adapters)
add_unit_test(test_https_client SOURCES test_https_client.c server.c LIBRARIES bridge-adapters)
target_compile_definitions(test_https_client PRIVATE
  HTTPS_SERVER="${CMAKE_CURRENT_LIST_DIR}/https_server.py")
foreach(test test_https_client test_jetstream_faults test_redis)
  target_compile_definitions(${test} PRIVATE
    MAKE_CERTIFICATES="${CMAKE_SOURCE_DIR}/tests/unit/make_certificates.sh")
endforeach()
add_unit_test(test_bridge_crypto SOURCES test_bridge_crypto.c ${CMAKE_SOURCE_DIR}/session-agent/crypto.c
  LIBRARIES bridge-adapters OpenSSL::SSL OpenSSL::Crypto)
add_unit_test(test_http_server LIBRARIES bridge-adapters)
add_unit_test(test_jetstream_subjects LIBRARIES bridge-adapters)
add_unit_test(test_jetstream_slots LIBRARIES bridge-adapters LABELS threads)
add_unit_test(test_redis_url LIBRARIES bridge-adapters)
# They measure how long the loop is held up: nothing of ours beside them.
set_tests_properties(test_jetstream test_jetstream_faults test_redis PROPERTIES RUN_SERIAL ON)
