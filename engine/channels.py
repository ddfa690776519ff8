"""A safe channel (säker kontaktväg) as it is read by somebody about to lift the phone. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from stegvis.routines.form import Field
from stegvis.routines.library import Library
from stegvis.routines.text import Lang, Text, Words, fill, plain

from .guide_view import plain_json
from .persons import Channel, IdentityView, Way
from .saying import say_instant


@dataclass(frozen=True, slots=True)
class WayView:
    """One way to reach somebody."""

    kind: Text
    where: str
    hours: str


@dataclass(frozen=True, slots=True)
class ChannelView:
    """How one person may be reached, as one actor sees it. Where it is hidden, ``ways`` and words are left out."""

    identity: IdentityView
    case: str
    person: str
    known: bool
    """Whether anybody has set it."""
    usable: bool
    """Whether the person may be contacted at all."""
    family: bool | None
    """What the contact plan says of this person; None where it does not name them."""
    hidden: bool
    ways: tuple[WayView, ...]
    code_word: str | None
    voicemail: bool
    letters: bool
    messages: bool
    why: str | None
    actor: str
    at: str
    version: int
    words: Words

    def json(self) -> dict[str, object]:
        """The channel as JSON values, both languages."""
        whole = plain_json(self)
        assert isinstance(whole, dict)  # noqa: S101 - a dataclass becomes a mapping
        return {name: value for name, value in whole.items() if name != "words"}  # pyright: ignore[reportUnknownVariableType]

    def text(self, lang: Lang = "sv") -> str:
        """The channel as lines of text, what must not be done in capitals."""
        return "\n".join(_lines(self, lang)) + "\n"


def channel_view(
    library: Library,
    identity: IdentityView,
    case: str,
    person: str,
    channel: Channel,
    *,
    family: bool | None,
    open_: bool,
) -> ChannelView:
    """How somebody may be reached.

    Args:
        library: the order's words for each kind of way.
        identity, case, person, channel: what is known of whom.
        family: what the contact plan says of the person; None where it does not name them.
        open_: whether numbers, hours and words may be shown in this look.
    """
    usable = channel.usable and family is not False
    show = open_ and usable
    return ChannelView(
        identity=identity,
        case=case,
        person=person,
        known=channel.known,
        usable=usable,
        family=family,
        hidden=channel.known and not open_,
        ways=tuple(_way(library, one) for one in channel.ways) if show else (),
        code_word=channel.code_word if show else None,
        voicemail=channel.voicemail and usable,
        letters=channel.letters and usable,
        messages=channel.messages and usable,
        why=channel.why if open_ else None,
        actor=channel.actor,
        at=channel.at,
        version=channel.version,
        words=library.words,
    )


def _way(library: Library, way: Way) -> WayView:
    noting = library.persons.channel
    ways: Field | None = noting.form.fields["ways"] if noting is not None else None
    kinds = ways.rows["kind"].of if ways is not None and ways.rows is not None else None
    return WayView((kinds or {}).get(way.kind) or plain(way.kind), way.where, way.hours)


def _lines(shown: ChannelView, lang: Lang) -> Iterator[str]:
    words = shown.words

    def word(name: str, **places: Text | str | int) -> str:
        return fill(words[f"channel.{name}"], places)(lang)

    yield shown.identity.says(lang)
    yield word("heading", person=shown.person)
    if not shown.usable:
        yield word("unset" if not shown.known else "family_closed" if shown.family is False else "closed")
    elif shown.hidden:
        yield word("reveal")
    else:
        for way in shown.ways:
            kind = way.kind(lang)
            yield word("way", kind=kind[:1].upper() + kind[1:], where=way.where, hours=way.hours)
        yield word("code_word", word=shown.code_word) if shown.code_word is not None else word("no_code_word")
    for name, allowed in (("voicemail", shown.voicemail), ("letters", shown.letters), ("messages", shown.messages)):
        yield word(f"{name}.{'yes' if allowed else 'no'}")
    if shown.usable:
        yield word("other")
    if shown.why is not None:
        yield word("why", why=shown.why)
    if shown.known:
        yield word("set", when=say_instant(shown.at), actor=shown.actor)
