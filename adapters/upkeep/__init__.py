"""Keeping a store alive: a copy while people work, putting it back, and whether all is well."""

from .backup import Backup, Restored, backup, restore
from .health import Check, Limits, health

__all__ = ["Backup", "Check", "Limits", "Restored", "backup", "health", "restore"]
