"""What a routine is: its language, its law, its checks. No clock, no input or output but reading definitions."""
