"""One migration a file, in order. A released one is never changed, and none goes down: a log is not taken back."""
