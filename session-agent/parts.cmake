# The parts of the session-agent that stand alone: no IPC, no operators. The agent and the unit
# tests link this library.
add_library(session-agent-parts STATIC
  ${CMAKE_SOURCE_DIR}/session-agent/borrowed.c
  ${CMAKE_SOURCE_DIR}/session-agent/crypto.c
  ${CMAKE_SOURCE_DIR}/session-agent/deliver_hold.c
  ${CMAKE_SOURCE_DIR}/session-agent/deliver_line.c
  ${CMAKE_SOURCE_DIR}/session-agent/framer.c
  ${CMAKE_SOURCE_DIR}/session-agent/heartbeat.c
  ${CMAKE_SOURCE_DIR}/session-agent/leases.c
  ${CMAKE_SOURCE_DIR}/session-agent/ledger.c
  ${CMAKE_SOURCE_DIR}/session-agent/ledger_file.c
  ${CMAKE_SOURCE_DIR}/session-agent/ledger_floors.c
  ${CMAKE_SOURCE_DIR}/session-agent/ledger_index.c
  ${CMAKE_SOURCE_DIR}/session-agent/ledger_keys.c
  ${CMAKE_SOURCE_DIR}/session-agent/ledger_slot.c
  ${CMAKE_SOURCE_DIR}/session-agent/odd_pdus.c
  ${CMAKE_SOURCE_DIR}/session-agent/pacer.c
  ${CMAKE_SOURCE_DIR}/session-agent/rate_meter.c
  ${CMAKE_SOURCE_DIR}/session-agent/session_fsm.c
  ${CMAKE_SOURCE_DIR}/session-agent/submit_queue.c
  ${CMAKE_SOURCE_DIR}/session-agent/tcp_link.c
  ${CMAKE_SOURCE_DIR}/session-agent/tcp_socket.c
  ${CMAKE_SOURCE_DIR}/session-agent/token_wait.c
  ${CMAKE_SOURCE_DIR}/session-agent/tokens.c
  ${CMAKE_SOURCE_DIR}/session-agent/transport.c
  ${CMAKE_SOURCE_DIR}/session-agent/under_way.c
  ${CMAKE_SOURCE_DIR}/session-agent/window.c)
target_link_libraries(session-agent-parts PUBLIC common proto PkgConfig::LIBUV OpenSSL::SSL OpenSSL::Crypto)
