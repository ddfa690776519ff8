"""Hand-offs between case files on the command line: keys, cards, a folder, and what is said of what waits there."""

from pathlib import Path

import pytest

from .commands import COUNSELLOR, INTAKE, OVERLAY, PLANTED, Said, say


class Office:
    """One organisation with a case file of its own; the others keep theirs elsewhere."""

    def __init__(self, root: Path, name: str) -> None:
        self.name, self.root = name, root
        self.db, self.identity, self.card = (root / f"{name}{end}" for end in (".db", ".keys", ".card"))
        overlay = root / f"{name}-definitions"
        overlay.mkdir()
        register = (Path(__file__).parents[2] / "definitions" / "organisations.yaml").read_text("utf-8")
        head, _, organisations = register.partition("\norganisations:\n")
        apart = [
            line + "\n    elsewhere: true" if line.startswith("    kind:") and one != name else line
            for one, line in _owned(organisations)
        ]
        (overlay / "organisations.yaml").write_text(f"{head}\norganisations:\n" + "\n".join(apart), "utf-8")
        self.place = ("--db", self.db, "--definitions", OVERLAY, "--definitions", overlay)
        assert say("introduce", name, self.identity, self.card).exit == 0

    def say(self, *arguments: str | Path, who: tuple[str, ...] = ()) -> Said:
        return say(*arguments, *who, *self.place)

    def post(self, command: str, *more: str | Path, cards: tuple["Office", ...] = ()) -> Said:
        given = [part for one in cards for part in ("--card", one.card)]
        return self.say(command, "--drop", self.root / "drop", "--identity", self.identity, *given, *more)


def _owned(text: str) -> list[tuple[str, str]]:
    """Each line with the organisation that it belongs to."""
    owner, lines = "", list[tuple[str, str]]()
    for line in text.splitlines():
        if line.startswith("  ") and line[2] != " ":
            owner = line.strip().rstrip(":")
        lines.append((owner, line))
    return lines


@pytest.fixture
def school(tmp_path: Path) -> Office:
    return Office(tmp_path, "skola")


@pytest.fixture
def social(tmp_path: Path, school: Office) -> Office:
    office = Office(tmp_path, "socialtjanst")
    (tmp_path / "drop" / office.name).mkdir(parents=True)
    (tmp_path / "drop" / school.name).mkdir()
    return office


def tell(school: Office) -> str:
    opened = school.say("open", "lantern", "--set", f"account={PLANTED}", "--json", who=COUNSELLOR)
    case = opened.json["case"]
    for step in (("look", "--set", "flame=high", "--set", "wind=3"), ("tell",)):
        assert school.say("take", case, *step, who=COUNSELLOR).exit == 0
    return case


def test_a_report_goes_from_file_to_file_and_its_receipt_comes_back(school: Office, social: Office) -> None:
    case = tell(school)
    # Without a folder it stays: nobody keeps a second log of the social services by mistake.
    said = school.say("deliver", "--json")
    assert (said.json["delivered"], said.json["waiting"]) == ({"skola": 0}, {"skola": 1})
    assert "Skolan: väntar ännu, 1 st." in school.say("deliver").out
    assert school.post("deliver", "--json", cards=(social,)).json["delivered"] == {"skola": 1}
    assert social.post("collect", cards=(school,)).exit == 2
    said = social.post("collect", "--create", "--json", cards=(school,))
    assert said.json == {"socialtjanst": {"taken": 1, "waiting": {}, "refused": {}}}
    assert social.post("deliver", "--json", cards=(school,)).json["delivered"] == {"socialtjanst": 1}
    assert "Skolan: mottaget, 1 st." in school.post("collect", cards=(social,)).out
    assert '"status": "received"' not in school.say("guide", case, "--json", who=COUNSELLOR).out
    assert social.say("due", who=INTAKE).exit == 0
    for office in (school, social):
        assert office.say("verify").exit == 0


def test_what_waits_and_what_is_refused_is_said_with_what_to_do(school: Office, social: Office) -> None:
    tell(school)
    school.post("deliver", cards=(social,))
    said = social.post("collect", "--create", "--lang", "en")
    assert "[unknown_sender]" in said.out
    assert "Give it with --card" in said.out
    (path,) = (social.root / "drop" / "socialtjanst").glob("*.handoff")
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    path.write_bytes(changed)
    assert social.post("collect", "--json", cards=(school,)).json["socialtjanst"]["waiting"] == {path.stem: "forged"}


def test_a_card_is_public_and_its_keys_are_not(school: Office) -> None:
    assert school.identity.stat().st_mode & 0o777 == 0o600
    assert school.card.read_bytes() != school.identity.read_bytes()
    again = school.root / "again.card"
    said = say("introduce", "skola", school.identity, again, "--json")
    assert said.json["organisation"] == "skola"
    assert again.read_bytes() == school.card.read_bytes()


REFUSED: dict[str, tuple[tuple[str, ...], str, int]] = {
    "no such organisation": (("introduce", "nowhere", "KEYS", "NEW"), "unknown_organisation", 2),
    "another's keys": (("introduce", "socialtjanst", "KEYS", "NEW"), "other_organisation", 2),
    "a card that is there": (("introduce", "skola", "KEYS", "CARD"), "file_exists", 2),
    "nowhere to write": (("introduce", "skola", "KEYS", "/nowhere/card"), "card_unreadable", 2),
    "no folder": (("collect",), "missing_argument", 2),
    "no keys": (("collect", "--drop", "DROP", "--organisation", "skola"), "no_identity", 3),
    "no inbox": (("collect", "--drop", "DROP", "--identity", "KEYS"), "folder_missing", 3),
    "no card there": (("collect", "--drop", "DROP", "--card", "/nowhere/card"), "card_unreadable", 2),
    "keys for a card": (("collect", "--drop", "DROP", "--card", "KEYS"), "bad_card", 2),
    "a card for keys": (("collect", "--drop", "DROP", "--identity", "CARD"), "key_file_exposed", 3),
    "an organisation elsewhere": (
        ("collect", "--drop", "DROP", "--organisation", "socialtjanst"), "organisation_elsewhere", 2
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_command_about_hand_offs_that_cannot_be_done(school: Office, name: str) -> None:
    arguments, code, status = REFUSED[name]
    places = {"KEYS": school.identity, "CARD": school.card, "NEW": school.root / "new", "DROP": school.root}
    given = [places.get(one, one) for one in arguments]
    if arguments[0] == "collect":
        given += ["--create", *school.place]
    said = say(*given, "--json")
    assert code in said.codes, said
    assert said.exit == status
    told = say(*given)
    assert code in told.err
    assert "Gör så här" in told.err
