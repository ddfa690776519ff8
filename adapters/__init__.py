"""The world outside: stores, keys, logs, the command line."""
