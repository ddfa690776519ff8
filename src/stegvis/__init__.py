"""stegvis: the case routines of municipal plans against honour-based violence, as declared state machines.

Open a case, follow it step by step, and prove afterwards what was done and why::

    from stegvis import Actor, Engine, shipped
    from stegvis.adapters.sql import SqlStore

    engine = Engine(shipped(), SqlStore("sqlite:///cases.db"))

Every change goes through ``Engine.open``, ``take``, ``correct``, ``receive`` or ``tick``. ``Engine.guide`` says what to
do now, why, by when, and why not; ``Engine.explain`` asks about one step; ``Engine.replay`` judges a case anew.
"""

import importlib
import typing

from stegvis.engine.answers import Answer, Receipt, Refused
from stegvis.engine.drafts import Draft
from stegvis.engine.engine import Engine
from stegvis.engine.guide import Guide
from stegvis.engine.values import Actor, Case, Message, Reason, Run
from stegvis.routines.errors import (
    BadInput,
    Broken,
    KeyReused,
    NotFound,
    SealError,
    Stale,
    StegvisError,
    StoreError,
)
from stegvis.routines.findings import BadDefinition, Finding
from stegvis.routines.library import Library, load, shipped
from stegvis.routines.text import Text

if typing.TYPE_CHECKING:
    from stegvis.engine.extracts import Extract
    from stegvis.engine.replay import Replay, Step
    from stegvis.engine.verify import Fault

__version__ = "0.1.0"

__all__ = [
    "Actor",
    "Answer",
    "BadDefinition",
    "BadInput",
    "Broken",
    "Case",
    "Draft",
    "Engine",
    "Extract",
    "Fault",
    "Finding",
    "Guide",
    "KeyReused",
    "Library",
    "Message",
    "NotFound",
    "Reason",
    "Receipt",
    "Refused",
    "Replay",
    "Run",
    "SealError",
    "Stale",
    "StegvisError",
    "Step",
    "StoreError",
    "Text",
    "__version__",
    "load",
    "shipped",
]

_ELSEWHERE = {
    "Extract": "stegvis.engine.extracts",
    "Fault": "stegvis.engine.verify",
    "Replay": "stegvis.engine.replay",
    "Step": "stegvis.engine.replay",
}
"""What proving and handing out answer: loaded when somebody first names it, for taking a step needs none of it."""


def __getattr__(name: str) -> object:
    if name not in _ELSEWHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    found = globals()[name] = getattr(importlib.import_module(_ELSEWHERE[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_ELSEWHERE})
