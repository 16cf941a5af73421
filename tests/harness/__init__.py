"""One class per real process, and a client for each, for tests, demo, chaos and bench."""
