# The way of the commands: what of it is arithmetic and rules, each with its floor alone.
set(BRIDGE_DIR ${CMAKE_SOURCE_DIR}/bridge)
add_unit_test(test_context SOURCES test_context.c ${BRIDGE_DIR}/context.c LIBRARIES common)
add_unit_test(test_mt_ahead SOURCES test_mt_ahead.c ${BRIDGE_DIR}/mt_ahead.c LIBRARIES common)
add_unit_test(test_mt_credit SOURCES test_mt_credit.c ${BRIDGE_DIR}/mt_credit.c LIBRARIES common)
add_unit_test(test_mt_references SOURCES test_mt_references.c ${BRIDGE_DIR}/mt_references.c
  LIBRARIES common)
add_unit_test(test_retry_policy SOURCES test_retry_policy.c ${BRIDGE_DIR}/retry_policy.c
  LIBRARIES proto common)
add_unit_test(test_operator_settings SOURCES test_operator_settings.c
  ${BRIDGE_DIR}/operator_members.c ${BRIDGE_DIR}/operator_settings.c
  ${BRIDGE_DIR}/operator_settings_parse.c LIBRARIES proto common)
add_unit_test(test_bridge_settings SOURCES test_bridge_settings.c ${BRIDGE_DIR}/bridge_settings.c
  ${BRIDGE_DIR}/bridge_settings_check.c ${BRIDGE_DIR}/redis_url.c ${BRIDGE_DIR}/jetstream_servers.c
  ${BRIDGE_DIR}/http_listen.c
  ${BRIDGE_DIR}/operator_members.c ${BRIDGE_DIR}/operator_settings.c
  ${BRIDGE_DIR}/operator_settings_parse.c LIBRARIES proto common)
add_unit_test(test_mt_consumer_rules SOURCES test_mt_consumer_rules.c
  ${BRIDGE_DIR}/mt_consumer_rules.c LIBRARIES proto common)
add_unit_test(test_lease SOURCES test_lease.c ${BRIDGE_DIR}/lease.c LIBRARIES common)
add_unit_test(test_lease_value SOURCES test_lease_value.c ${BRIDGE_DIR}/lease_value.c
  ${BRIDGE_DIR}/crypto.c LIBRARIES proto common OpenSSL::SSL OpenSSL::Crypto)
add_unit_test(test_leases_bucket SOURCES test_leases_bucket.c ${BRIDGE_DIR}/leases_bucket.c
  LIBRARIES proto common)
add_unit_test(test_bridge_leases SOURCES test_bridge_leases.c ${BRIDGE_DIR}/leases.c ${BRIDGE_DIR}/leases_bucket.c
  ${BRIDGE_DIR}/lease.c ${BRIDGE_DIR}/lease_value.c ${BRIDGE_DIR}/crypto.c ${BRIDGE_DIR}/operators.c
  ${BRIDGE_DIR}/operator_settings.c ${BRIDGE_DIR}/operator_settings_parse.c ${BRIDGE_DIR}/operator_members.c
  LIBRARIES proto common OpenSSL::SSL OpenSSL::Crypto)
add_unit_test(test_mt LIBRARIES bridge-core)
add_unit_test(test_mt_ledger LIBRARIES bridge-core)
add_unit_test(test_mt_acks SOURCES test_mt_acks.c ${BRIDGE_DIR}/mt_acks.c ${BRIDGE_DIR}/mt.c
  LIBRARIES proto common)
add_unit_test(test_failover LIBRARIES bridge-core)
