"""The registers refuse what contradicts itself, and never repeat a value when they do."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from stegvis.routines.errors import BadInput
from stegvis.routines.registers import load_contacts, load_organisations, load_roles, load_terms

Data = dict[str, Any]
Load = Callable[[Mapping[str, object]], object]
TEXT = {"sv": "Ett", "en": "One"}
ROLES = {"format": 1, "roles": {"clock": {"title": TEXT, "organisation": None}}, "delegations": {}}
CONTACT = {"title": TEXT, "number": "112", "hours": None, "checked": None, "confidence": "H"}
KIND = {"title": TEXT, "secrecy": ["ordinary", "account"], "law": "secrecy", "reports_under": "duty"}
SCHOOL = {"title": TEXT, "kind": "school", "origin": "kommun.example/skola"}


def organisations(kind: Data | None = None, **more: Data) -> Data:
    return {"format": 1, "kinds": {"school": kind or KIND}, "organisations": {"skola": SCHOOL, **more}}


def contacts(**more: object) -> Data:
    return {"format": 1, "contacts": {"police": {**CONTACT, **more}}}


def test_whole_registers_load() -> None:
    assert load_roles(ROLES).roles["clock"].single is False
    assert load_contacts(contacts(checked="2026-10-01")).contacts["police"].number == "112"
    assert load_organisations(organisations()).organisations["skola"].kind == "school"
    assert (
        load_terms({"format": 1, "terms": {"one": {"sv": "ett", "en": "one", "gloss": TEXT}}}).terms["one"].sv == "ett"
    )


@pytest.mark.parametrize(
    ("load", "data"),
    [
        (load_roles, {**ROLES, "roles": {"Clock": ROLES["roles"]}}),
        (load_roles, {**ROLES, "format": 2}),
        (load_roles, {**ROLES, "delegations": {"decide": {"title": TEXT}}}),
        (load_terms, {"format": 1, "terms": {"one": {"sv": "", "en": "one", "gloss": TEXT}}}),
        (load_contacts, contacts(number="ring Amira")),
        (load_contacts, contacts(number=112)),
        (load_contacts, contacts(checked="igår")),
        (load_organisations, organisations({**KIND, "secrecy": ["account"]})),
        (load_organisations, organisations({**KIND, "secrecy": ["ordinary", "account", "account"]})),
        (load_organisations, organisations({**KIND, "secrecy": ["ordinary", "gossip"]})),
        (load_organisations, organisations({**KIND, "secrecy": ["ordinary"]})),
        (load_organisations, organisations({**KIND, "narrative": TEXT})),
        (load_organisations, organisations(other={**SCHOOL, "kind": "none", "origin": "kommun.example/annan"})),
        (load_organisations, organisations(other=SCHOOL)),
        (load_organisations, organisations(other={**SCHOOL, "origin": "../skola"})),
    ],
)
def test_a_register_that_contradicts_itself_does_not_load(load: Load, data: Data) -> None:
    with pytest.raises(BadInput) as refused:
        load(data)
    assert refused.value.reason == "definition_malformed"
    assert "Amira" not in str(refused.value)
    assert "gossip" not in str(refused.value)
