"""The audit log's proof: a Merkle tree over each organisation's records, and signed checkpoints that leave the machine.

Formats are those of RFC 6962 and of C2SP (signed-note, tlog-checkpoint, tlog-tiles, tlog-proof, tlog-policy,
tlog-witness), unchanged, so that nobody needs this library to check what it says. See docs/audit.md.
"""
