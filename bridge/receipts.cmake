# Receipts, health, credentials, the share of the limit, and what people see: everything of the
# bridge that is not the way of a command.
add_library(bridge-receipts STATIC
  # receipts and MO
  correlation.c
  correlation_codec.c
  correlation_dialect.c
  correlation_find.c
  dlr.c
  dlr_aggregate.c
  dlr_correlate.c
  due.c
  dlr_partial.c
  dlr_publish.c
  dlr_receipt.c
  dlr_states.c
  mo_publish.c
  mo_event.c
  mo_parts.c
  mo_repeats.c
  # what the agent reports and asks for
  health_events.c
  credentials.c
  # the share of an operator's limit
  tps_adaptive.c
  tps_renewal.c
  tps_share.c
  server_clock.c
  tps_blocks.c
  tps_lease.c
  tps.c
  # what people see
  loop_lag.c
  management.c
  management_health.c
  management_metrics.c
  management_sessions.c
  ctl.c
  ctl_client.c
)
target_link_libraries(bridge-receipts PUBLIC proto common)
