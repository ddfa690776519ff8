"""What a command needs that the core may not make or look up itself: new ids, the run that is meant, other runs."""

from collections.abc import Sequence
from datetime import datetime

from stegvis.routines.errors import BadInput, Broken, NotFound
from stegvis.routines.library import Library
from stegvis.routines.periods import period
from stegvis.routines.rules import Rules

from .decide import CLOCK, rules_of, run_of
from .files import Files
from .instants import local_day, text_of
from .messages import answered
from .values import Actor, Case, Command, Message, Run


class Lookups:
    """Looks things up in the organisation's own files."""

    def __init__(self, files: Files) -> None:
        self.files = files

    def whole(self, command: Command, library: Library, before: Case | None, actor: Actor, now: datetime) -> Command:
        """The command with everything the core may not make or look up itself."""
        fresh = self.files.entropy(16).hex()
        if command.kind in {"open", "receive"}:
            case = before.id if before is not None else self.files.entropy(16).hex()
            rules = library.routine(command.trigger, local_day(now))
            outside = self.outside(rules, rules.opening.derived, actor.organisation, command.person, now)
            run = self.files.entropy(16).hex()
            return command._replace(fresh=fresh, run=run, case=case, outside=outside)
        if before is None:
            raise NotFound("unknown_case")
        if command.kind == "case":
            return command._replace(fresh=fresh, run=before.id, case=before.id)
        run = self.run(library, before, command.run, command.trigger if command.kind == "take" else None)
        if command.kind == "correct":
            wrong = self._records_of(before, run, command)
            return command._replace(fresh=fresh, run=run.id, case=before.id, corrects=wrong)
        rules = rules_of(library, run)
        move = rules.move(run.state, command.trigger)
        outside = self.outside(rules, move.derived, actor.organisation, run, now) if move is not None else {}
        return command._replace(fresh=fresh, run=run.id, case=before.id, outside=outside)

    def _records_of(self, case: Case, run: Run, command: Command) -> dict[str, str]:
        """The record in which each corrected fact was last answered."""
        said = {fact: run.said[fact] for fact in command.form if fact in run.said}
        wanted = set(said.values())
        found: dict[int, str] = {}
        if wanted:
            for row in self.files.store.case_records(case.organisation, case.id, after=min(wanted) - 1):
                if row.cseq in wanted:
                    found[row.cseq] = row.id
                if len(found) == len(wanted):
                    break
        return {fact: found[version] for fact, version in said.items() if version in found}

    def outside(
        self, rules: Rules, derived: Sequence[str], organisation: str, about: Run | str | None, now: datetime
    ) -> dict[str, int]:
        """What derived facts need from other runs: how many earlier ones about the person ended so."""
        person, but = (about.person, about.id) if isinstance(about, Run) else (about, "")
        counted: dict[str, int] = {}
        for name in derived:
            one = rules.routine.derived[name].earlier
            if one is not None and person is not None:
                since = text_of(now - period(one.within))
                counted[name] = self.files.store.earlier(
                    organisation, person=person, routine=one.routine, states=one.ended, since=since, but=but
                )
        return counted

    def run(self, library: Library, case: Case, run: str | None, trigger: str | None) -> Run:
        """The run that is meant: the one named, the only one open, or the only one in which the step exists."""
        if run:
            return run_of(case, run)
        runs = list(case.runs.values())
        if len(runs) > 1:
            runs = [one for one in runs if one.ended is None] or runs
        if trigger is None or len(runs) == 1:
            return runs[-1]
        able = [one for one in runs if rules_of(library, one).move(one.state, trigger) is not None]
        if len(able) > 1:
            raise BadInput("which_run", count=len(able))
        return (able or runs)[0]

    def linked(self, message: Message) -> tuple[str, str]:
        """The case and run of the receiver that an earlier hand-off belongs to."""
        sent = self.files.store.sent(message.receiver, message.about or "")
        if sent is not None:
            return sent.case, sent.run
        opened = self.files.store.answer(message.receiver, CLOCK.id, f"handoff-{message.about}")
        if opened is None:
            raise NotFound("unknown_handoff")
        for row in self.files.store.case_records(message.receiver, opened.case, after=opened.version - 1):
            return opened.case, answered(row)[0]
        raise Broken("answer_without_record")
