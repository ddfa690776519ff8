"""What a reader may ask for beside the talk: why, the law, who to ring, what is known, what has happened."""

from collections.abc import Generator

from stegvis.engine.answers import Refused
from stegvis.engine.engine import Engine
from stegvis.engine.guide import Guide
from stegvis.engine.guide_view import Action
from stegvis.engine.values import Actor
from stegvis.routines.form import Field

from . import pages
from .answering import Said
from .voice import Voice, visible


class Quit(Exception):
    """The reader wants to stop."""


class Asides:
    """Answers the keys.

    Args:
        engine, actor: what is looked at, and who looks.
        voice: the texts.
    """

    def __init__(self, engine: Engine, actor: Actor, voice: Voice) -> None:
        self.engine, self.actor, self.voice = engine, actor, voice

    def reveal(self, case: str, shown: Guide, lines: list[str]) -> Generator[Said, str, list[str]]:
        """Show an answer that is held back for the person's protection, if the reader asks for it by its number."""
        voice, away = self.voice, [fact for fact in (*shown.proposed, *shown.facts) if fact.hidden]
        if not away:
            return lines
        lines = [*lines, voice.word("reveal")]
        lines += [f"  {number}. {fact.title(voice.lang)}" for number, fact in enumerate(away, 1)]
        while True:
            text = (yield Said(tuple(lines), voice.word("answer"), "reveal")).strip()
            if not text.isdecimal() or len(text) > 3 or not 1 <= int(text) <= len(away):  # noqa: PLR2004 - few digits
                return [voice.word("keys")]
            asked = away[int(text) - 1].fact
            try:
                now = self.engine.guide(case, actor=self.actor, run=shown.run, reveal=[asked])
            except Refused as no:
                lines = list(pages.reasons(no.reasons, voice))
                continue
            told = [fact for fact in (*now.proposed, *now.facts) if fact.fact == asked]
            lines = [f"{fact.title(voice.lang)}: {visible(fact.value(voice.lang))}" for fact in told]

    def key(
        self, case: str, letter: str, shown: Guide | None, action: Action | None, field: Field | None = None
    ) -> list[str]:
        """What a key answers; nothing for what is no key.

        Raises:
            Quit: it was ``q``.
        """
        voice = self.voice
        match letter:
            case "q":
                raise Quit
            case "?" if action is not None or shown is None:
                helps = (field.why if field is not None else None, action.help if action is not None else None)
                return [one(voice.lang) for one in helps if one] or [voice.word("no_why")]
            case _ if shown is None:
                return []
            case "?":
                return [*pages.why(shown, voice), voice.word("keys")]
            case "l":
                return list(pages.law(shown, action, voice))
            case "r":
                return list(pages.call(shown, voice))
            case "v":
                return list(pages.known(shown, voice))
            case "h":
                return list(pages.way(self.engine.following.way(case, actor=self.actor, run=shown.run), voice))
            case _:
                return []
