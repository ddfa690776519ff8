"""Cases in an SQL database: SQLite in a file. Importing this loads SQLAlchemy; the memory store does not."""

from .joined import together
from .migrate import migrate, pending
from .store import SqlStore

__all__ = ["SqlStore", "migrate", "pending", "together"]
