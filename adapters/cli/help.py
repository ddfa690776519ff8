"""Help as plain lines: the name of an option or command, and under it what it is for. The texts are cli.yaml's."""

# ruff: noqa: ARG002 - cyclopts says what is handed over, by name
from typing import Any

from cyclopts.help import HelpEntry, HelpPanel
from rich.console import Console, ConsoleOptions

from .screen import Screen, shipped_words


class PlainHelp:
    """Says the help of one command, or of the whole when there is no command, in the language of a screen."""

    def __init__(self, screen: Screen, command: str = "") -> None:
        self.screen = screen
        self.command = command

    def render_usage(self, console: Console, options: ConsoleOptions, usage: Any) -> None:
        """How the command is written."""
        words = iter(one for one in str(usage).split() if not one.startswith("["))
        said, needed = list[str](), list[str]()
        for word in words:
            if word.startswith("--"):
                next(words)  # a type of Python's, which tells nobody what to write
                needed.append(f"{word} {self._word(word.strip('-'), 'takes')}".rstrip())
            else:
                said.append(word)
        self.screen.say("usage", usage=" ".join([*said, *needed]))
        self.screen.line()

    def render_description(self, console: Console, options: ConsoleOptions, description: Any) -> None:
        """What the command is for."""
        self.screen.say(f"commands.{self.command}.help" if self.command else "help")
        self.screen.line()

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """One group of commands, arguments or options."""
        if not panel.entries:
            return
        command = panel.format == "command" and not self.command
        self.screen.say("panel_command" if command else f"panel_{panel.title}".lower())
        for entry in panel.entries:
            name = _name(entry)
            takes = self._word(name, "takes")
            shown = ", ".join((*entry.positive_names, *entry.positive_shorts)) or name.upper()
            self.screen.line(f"  {shown} {takes}".rstrip())
            says = self.screen.word(f"commands.{name}.short") if command else self._word(name, "says")
            self.screen.line(f"    {says}")
        self.screen.line()

    def _word(self, name: str, part: str) -> str:
        """What is said of an option, in this command or in all."""
        for where in (f"commands.{self.command}.options", "options"):
            if f"cli.{where}.{name}.{part}" in shipped_words():
                return self.screen.word(f"{where}.{name}.{part}")
        return ""


def _name(entry: HelpEntry) -> str:
    return (entry.positive_names[0] if entry.positive_names else entry.positional_label or "").strip("-.*").lower()
