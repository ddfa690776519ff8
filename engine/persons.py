"""What a file says of persons beside what its runs say: how an identity is protected, and how somebody may be reached.

Values only. They lie sealed in what the runs of a case share, and are changed by events, never overwritten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, cast

from stegvis.routines.persons import LEVELS, Level
from stegvis.routines.text import Text


class Identity(NamedTuple):
    """What is known of a person's protected identity (skyddade personuppgifter).

    Attributes:
        level: how the identity is protected.
        checked: the day on which it was looked up, ``YYYY-MM-DD``; None where somebody only answered a form.
        source: where it was looked up, by id; None where somebody only answered a form.
        version: version of the case since when this has been known; 0 where nothing is.
    """

    level: Level
    checked: str | None = None
    source: str | None = None
    version: int = 0

    @property
    def protected(self) -> bool:
        """Whether the person is to be treated as protected; so is whoever nobody knows anything of."""
        return self.level != "none"

    @property
    def flag(self) -> Literal["yes", "no", "unknown"]:
        """As it travels with hand-offs."""
        return "unknown" if self.level == "unknown" else "yes" if self.protected else "no"


UNKNOWN: Final = Identity("unknown")


@dataclass(frozen=True, slots=True)
class IdentityView:
    """What is known of the person's protected identity (skyddade personuppgifter)."""

    level: str
    protected: bool
    """Whether the person is to be treated as protected; true also where nothing is known."""
    says: Text
    checked: str | None
    """The day on which it was looked up."""
    source: str | None


def identity_said(said: Mapping[str, object], version: int) -> Identity:
    """What was noted at that version; not known where what was noted can no longer be read."""
    level = said.get("level")
    if level not in LEVELS:
        return Identity("unknown", version=version)
    checked, source = cast("str | None", said.get("checked")), cast("str | None", said.get("source"))
    return Identity(cast("Level", level), checked, source, version)


class Way(NamedTuple):
    """One way to reach somebody: how, where, at which hours; in the person's own words."""

    kind: str
    where: str
    hours: str


class Channel(NamedTuple):
    """How one person may be reached (säker kontaktväg). What is not allowed is forbidden; no way means: no contact.

    Attributes:
        ways: numbers, places or roles, each with its hours.
        code_word: shows that it is the right person.
        voicemail, letters, messages: whether those may be used at all.
        why: what the person said, or why the way is closed.
        actor, at, version: who set it, when, and at which version of the case; empty where nobody has.
    """

    ways: tuple[Way, ...] = ()
    code_word: str | None = None
    voicemail: bool = False
    letters: bool = False
    messages: bool = False
    why: str | None = None
    actor: str = ""
    at: str = ""
    version: int = 0

    @property
    def known(self) -> bool:
        """Whether somebody has set it."""
        return self.version > 0

    @property
    def usable(self) -> bool:
        """Whether the person may be contacted at all."""
        return bool(self.ways)


CLOSED: Final = Channel()
"""Where nothing is set: no contact, no voicemail, no letter, no message."""


def channel_said(said: Mapping[str, Any], actor: str, at: str, version: int) -> Channel:
    """What was noted at that version, by whom and when."""
    rows = cast("Sequence[Mapping[str, str]]", said.get("ways", ()))
    return Channel(
        ways=tuple(Way(row["kind"], row["where"], row["hours"]) for row in rows),
        code_word=said.get("code_word"),
        voicemail=said.get("voicemail") is True,
        letters=said.get("letters") is True,
        messages=said.get("messages") is True,
        why=said.get("why"),
        actor=actor,
        at=at,
        version=version,
    )


# ---- as it is kept ------------------------------------------------------------------------------------------------


def persons_json(identity: Identity | None, channels: Mapping[str, Channel]) -> dict[str, object]:
    """What a case's cell holds of it; empty parts are left out."""
    kept: dict[str, object] = {}
    if identity is not None:
        kept["identity"] = [*identity]
    if channels:
        kept["channels"] = {person: [[[*way] for way in one.ways], *one[1:]] for person, one in channels.items()}
    return kept


def persons_of(said: Mapping[str, Any]) -> tuple[Identity | None, Mapping[str, Channel]]:
    """What ``persons_json`` wrote."""
    identity = said.get("identity")
    channels = cast("Mapping[str, list[Any]]", said.get("channels", {}))
    return (
        Identity(*identity) if identity is not None else None,
        {person: Channel(tuple(Way(*way) for way in ways), *rest) for person, (ways, *rest) in channels.items()},
    )
