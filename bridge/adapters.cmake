# The foreign libraries in our words: one .c includes each library's header, the rest is ours.
add_library(bridge-adapters STATIC
  # NATS JetStream
  jetstream_servers.c
  jetstream_subjects.c
  jetstream_puback.c
  jetstream_queue.c
  jetstream_mailbox.c
  jetstream_trash.c
  jetstream_ack_log.c
  jetstream_slots.c
  jetstream_login.c
  jetstream_threads.c
  jetstream_trouble.c
  jetstream_calls.c
  jetstream_arrivals.c
  jetstream.c
  # Redis
  redis_url.c
  redis_info.c
  redis_resolve.c
  redis_io.c
  redis_calls.c
  redis.c
  # TLS, digests, the seal
  crypto.c
  # the credentials service
  https_buffer.c
  https_client.c
  # the management API
  http_listen.c
  http_server.c
)
target_link_libraries(bridge-adapters
  PUBLIC common
  PRIVATE nats-c PkgConfig::HIREDIS CURL::libcurl PkgConfig::MICROHTTPD OpenSSL::SSL OpenSSL::Crypto
)
if(TARGET PkgConfig::HIREDIS_SSL)
  target_link_libraries(bridge-adapters PRIVATE PkgConfig::HIREDIS_SSL)
  target_compile_definitions(bridge-adapters PRIVATE BRIDGE_REDIS_TLS)
endif()
