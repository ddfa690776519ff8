"""Libraries that do part of the same, each in its tutorials' shortest durable way. ``make bench`` installs them."""

from collections.abc import Mapping

PEERS: Mapping[str, str] = {
    "SQLModel session": ".peers.sqlmodel_session",
    "eventsourcing": ".peers.eventsourcing_app",
    "SpiffWorkflow": ".peers.spiff",
    "DBOS": ".peers.dbos_workflow",
}
"""Name -> module, whose ``run`` is a contender."""
