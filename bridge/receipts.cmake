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
  dlr_publish.c
  dlr_receipt.c
  dlr_states.c
  mo_publish.c
  # what the agent reports
  health_events.c
)
target_link_libraries(bridge-receipts PUBLIC proto common)
