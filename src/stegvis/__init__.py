"""stegvis: the case routines of municipal plans against honour-based violence, as declared state machines."""

__version__ = "0.1.0"
