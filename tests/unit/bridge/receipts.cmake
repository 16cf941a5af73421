# The receipt path and its neighbours on plain memory instead of servers.
set(BRIDGE_DIR ${CMAKE_SOURCE_DIR}/bridge)
add_library(bridge-fakes STATIC
  fakes.c
  ${BRIDGE_DIR}/context.c
  ${BRIDGE_DIR}/operator_members.c
  ${BRIDGE_DIR}/operator_settings.c
  ${BRIDGE_DIR}/operators.c
)
target_link_libraries(bridge-fakes PUBLIC proto common PkgConfig::CMOCKA)
# The adapters come last: of them only what the fakes do not replace is taken.
set(RECEIPTS_FLOOR bridge-receipts bridge-fakes bridge-adapters)
add_unit_test(test_correlation LIBRARIES ${RECEIPTS_FLOOR})
add_unit_test(test_dlr SOURCES test_dlr.c dlr_rig.c LIBRARIES ${RECEIPTS_FLOOR})
add_unit_test(test_mo SOURCES test_mo.c dlr_rig.c LIBRARIES ${RECEIPTS_FLOOR})
add_unit_test(test_health_events LIBRARIES ${RECEIPTS_FLOOR})
add_unit_test(test_tps_share LIBRARIES bridge-receipts)
add_unit_test(test_tps_adaptive LIBRARIES bridge-receipts)
add_unit_test(test_server_clock LIBRARIES bridge-receipts)
add_unit_test(test_tps_blocks LIBRARIES ${RECEIPTS_FLOOR})
