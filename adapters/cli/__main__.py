"""``python -m stegvis.adapters.cli`` is the same as ``stegvis``."""

from . import main

main()
