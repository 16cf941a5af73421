# The adapters, against real servers where a server is what they adapt to.
add_unit_test(test_jetstream SOURCES test_jetstream.c server.c LIBRARIES bridge-adapters)
add_unit_test(test_redis SOURCES test_redis.c server.c LIBRARIES bridge-adapters)
add_unit_test(test_https_client SOURCES test_https_client.c server.c LIBRARIES bridge-adapters)
target_compile_definitions(test_https_client PRIVATE
  HTTPS_SERVER="${CMAKE_CURRENT_LIST_DIR}/https_server.py"
  MAKE_CERTIFICATES="${CMAKE_CURRENT_LIST_DIR}/make_certificates.sh"
)
add_unit_test(test_bridge_crypto SOURCES test_bridge_crypto.c ${CMAKE_SOURCE_DIR}/session-agent/crypto.c
  LIBRARIES bridge-adapters OpenSSL::SSL OpenSSL::Crypto)
add_unit_test(test_http_server LIBRARIES bridge-adapters)
add_unit_test(test_jetstream_subjects LIBRARIES bridge-adapters)
add_unit_test(test_jetstream_slots LIBRARIES bridge-adapters LABELS threads)
add_unit_test(test_redis_url LIBRARIES bridge-adapters)
