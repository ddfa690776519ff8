"""Ways for hand-offs to reach organisations whose logs lie in other stores."""

from .cards import Card, Identity
from .drop_folder import DropFolder
from .in_process import InProcess

__all__ = ["Card", "DropFolder", "Identity", "InProcess"]
