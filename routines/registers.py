"""The small registers beside the routines: roles and delegation, contacts, organisations and their secrecy, terms."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from .law import Confidence, Line, checked
from .text import Format, Model, Name, Text

Secrecy: TypeAlias = Literal["ordinary", "account", "identity", "health", "whereabouts", "protected"]
"""What a field holds, from the secrecy law's point of view (sekretess).

``ordinary`` time, place, what was done · ``account`` what somebody said or saw, in words (berättelse) · ``identity``
who it is about · ``health`` health, injuries, sexual life · ``whereabouts`` where somebody is or will be ·
``protected`` facts under protected registration, and shelter addresses. The protected-identity *flag* is ordinary: it
travels everywhere.
"""

Number: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9+][0-9 -]{1,19}$")]
Origin: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*/[a-z0-9][a-z0-9-]*$", max_length=120)
]
"""The name of an organisation's log: ``kommun.example/skola``."""


class Role(Model):
    """A part somebody plays in a routine."""

    title: Text
    organisation: Name | None
    """Kind of organisation where the role exists; None for one that may exist in any."""
    single: bool = False
    """Whether only one person can hold it at a time, so that it can never approve itself."""


class Delegation(Model):
    """A power to decide (delegation), which a municipality's delegation order gives to roles."""

    title: Text
    law: Name
    qualified: bool = False
    """Whether the officer must meet SoL 25:1 (behörighet i barnärenden)."""
    committee: bool = False
    """Whether law keeps it with board, committee or chair (SoL 30:6-8), so that it cannot be given to an officer."""


class Roles(Model):
    """Every role and every power to decide."""

    format: Format
    roles: Mapping[Name, Role]
    delegations: Mapping[Name, Delegation]


class Contact(Model):
    """Somebody to call."""

    title: Text
    number: Number | None
    """None until the municipality has filled it in."""
    hours: Text | None
    """None when nobody has verified them."""
    checked: date | None
    """The day on which somebody last rang or looked; None when nobody has."""
    national: bool = False
    """The same in every municipality; the others are the municipality's own to fill in."""
    confidence: Confidence
    note: Line | None = None


class Contacts(Model):
    """Every contact that a routine may show."""

    format: Format
    contacts: Mapping[Name, Contact]


class OrganisationKind(Model):
    """A kind of organisation, and what may be written there (sekretessprofil)."""

    title: Text
    secrecy: Annotated[tuple[Secrecy, ...], Field(min_length=1)]
    """The classes of field that exist there at all."""
    law: Name
    """The secrecy rule the profile rests on."""
    reports_under: Name
    """Whether it is bound to report a child (SoL 19:1), or should like anybody (19:4)."""
    narrative: Text | None = None
    """What staff are told where the account may not be written down."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if len(set(self.secrecy)) != len(self.secrecy):
            raise ValueError("a class of field stands twice")
        if "ordinary" not in self.secrecy:
            raise ValueError("ordinary fields exist everywhere")
        if ("account" in self.secrecy) is (self.narrative is not None):
            raise ValueError("narrative tells what to do where no account may be written, and only there")
        return self

    def may_hold(self, secrecy: Secrecy) -> bool:
        """Whether a field of that class may exist here."""
        return secrecy in self.secrecy


class Organisation(Model):
    """One organisation (myndighet, nämnd): one log, one signer, one key store."""

    title: Text
    kind: Name
    origin: Origin
    elsewhere: bool = False
    """Its log and keys lie in another store: nothing is opened or received for it here, and a transport reaches it."""


class Organisations(Model):
    """Kinds of organisation, and the organisations there are."""

    format: Format
    kinds: Mapping[Name, OrganisationKind]
    organisations: Mapping[Name, Organisation]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if any(organisation.kind not in self.kinds for organisation in self.organisations.values()):
            raise ValueError("an organisation of unknown kind")
        origins = [organisation.origin for organisation in self.organisations.values()]
        if len(set(origins)) != len(origins):
            raise ValueError("two organisations share an origin")
        return self

    def kind_of(self, organisation: str) -> OrganisationKind | None:
        """The kind of that organisation, or None for an unknown one."""
        found = self.organisations.get(organisation)
        return None if found is None else self.kinds[found.kind]


class Term(Model):
    """A word of the field, with what it means in plain language."""

    sv: Line
    en: Line
    gloss: Text


class Terms(Model):
    """The glossary."""

    format: Format
    terms: Mapping[Name, Term]


def load_roles(data: Mapping[str, object]) -> Roles:
    """Roles and delegations from the parsed data of roles.yaml.

    Raises:
        BadInput: ``definition_malformed``.
    """
    return checked(Roles, data)


def load_contacts(data: Mapping[str, object]) -> Contacts:
    """Contacts from the parsed data of contacts.yaml.

    Raises:
        BadInput: ``definition_malformed``.
    """
    return checked(Contacts, data)


def load_organisations(data: Mapping[str, object]) -> Organisations:
    """Kinds and organisations from the parsed data of organisations.yaml.

    Raises:
        BadInput: ``definition_malformed``.
    """
    return checked(Organisations, data)


def load_terms(data: Mapping[str, object]) -> Terms:
    """The glossary from the parsed data of terms.yaml.

    Raises:
        BadInput: ``definition_malformed``.
    """
    return checked(Terms, data)
