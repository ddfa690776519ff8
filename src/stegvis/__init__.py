"""stegvis: the case routines of municipal plans against honour-based violence, as declared state machines.

Open a case, follow it step by step, and prove afterwards what was done and why::

    from stegvis import Actor, Engine, shipped
    from stegvis.adapters.sql import SqlStore

    engine = Engine(shipped(), SqlStore("sqlite:///cases.db"))

Every change goes through ``Engine.open``, ``take``, ``correct``, ``receive`` or ``tick``. ``Engine.guide`` says what to
do now, why, by when, and why not; ``Engine.explain`` asks about one step; ``Engine.replay`` judges a case anew.
"""

from stegvis.engine.answers import Answer, Receipt, Refused
from stegvis.engine.drafts import Draft
from stegvis.engine.engine import Engine
from stegvis.engine.extracts import Extract
from stegvis.engine.guide import Guide
from stegvis.engine.replay import Replay, Step
from stegvis.engine.values import Actor, Case, Message, Reason, Run
from stegvis.engine.verify import Fault
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
