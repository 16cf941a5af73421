# The adapters, against real servers where a server is what they adapt to.
add_unit_test(test_jetstream SOURCES test_jetstream.c server.c LIBRARIES bridge-adapters)
add_unit_test(test_redis SOURCES test_redis.c server.c LIBRARIES bridge-adapters)
