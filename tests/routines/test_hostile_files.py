"""Files made to hurt: each is refused within a second, and nothing in them reaches outside the reader."""

import gc
import pickle
import subprocess
import sys
import time

import pytest

from stegvis.routines.findings import BadDefinition
from stegvis.routines.reader import MAX_BYTES, MAX_FINDINGS, read

LIMIT = 1 if sys.gettrace() is None else 10
"""Seconds of processor time, so that a busy machine fails no fast reader; counting coverage is slow in itself."""


def filled(unit: bytes, *, start: bytes = b"", end: bytes = b"") -> bytes:
    """``unit`` over and over, up to the largest size that is parsed at all."""
    return start + unit * ((MAX_BYTES - len(start) - len(end)) // len(unit)) + end


def numbered(form: str) -> bytes:
    """Lines that differ by their number, up to the size limit."""
    lines: list[str] = []
    size = 0
    while (size := size + len(line := form.format(len(lines))) + 1) <= MAX_BYTES:
        lines.append(line)
    return "\n".join(lines).encode()


LAUGHS = "a0: &a0 [ha]\n" + "\n".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30))
HOSTILE: dict[str, tuple[bytes, str]] = {
    "billion laughs": (LAUGHS.encode(), "yaml-alias"),
    "an anchor inside itself": (b"&a [*a]", "yaml-alias"),
    "anchors only": (filled(b"- &a 1\n"), "yaml-anchor"),
    "aliases only": (filled(b"- *a\n"), "yaml-alias"),
    "merge of itself": (b"a: &a\n  <<: *a\n", "yaml-alias"),
    "python object": (b"a: !!python/object/apply:os.system ['true']", "yaml-tag"),
    "python name": (b"!!python/name:os.system", "yaml-tag"),
    "python module as a key": (b"? !!python/module:antigravity\n: 1", "yaml-tag"),
    "tags only": (filled(b"- !t 1\n"), "yaml-tag"),
    "long tag": (filled(b"x", start=b"!"), "yaml-tag"),
    "long anchor": (filled(b"x", start=b"&", end=b" 1"), "yaml-anchor"),
    "open brackets": (filled(b"["), "yaml-depth"),
    "open braces": (filled(b"{"), "yaml-depth"),
    "open braces with keys": (filled(b"{a: "), "yaml-depth"),
    "open braces as keys": (filled(b"{? "), "yaml-depth"),
    "open brackets on lines": (filled(b"[\n"), "yaml-depth"),
    "brackets and braces": (filled(b"[{a: "), "yaml-depth"),
    "dashes on one line": (filled(b"- "), "yaml-depth"),
    "question marks on one line": (filled(b"? "), "yaml-depth"),
    "indented keys": ("\n".join(" " * i + "a:" for i in range(1400)).encode(), "yaml-depth"),
    "indented dashes": ("\n".join(" " * i + "-" for i in range(1400)).encode(), "yaml-depth"),
    "closed brackets": (filled(b"]"), "yaml-syntax"),
    "one byte too many": (b"#" * (MAX_BYTES + 1), "yaml-size"),
    "far too many bytes": (b"[" * (3 * MAX_BYTES), "yaml-size"),
    "one huge word": (filled(b"x"), "yaml-text-length"),
    "one huge number": (filled(b"9"), "yaml-text-length"),
    "one huge quoted text": (filled(b"x ", start=b'"', end=b'"'), "yaml-text-length"),
    "one huge block": (filled(b" x\n", start=b"|\n"), "yaml-text-length"),
    "one huge key": (filled(b"x", start=b"? ", end=b"\n: 1"), "yaml-text-length"),
    "a plain text of many lines": (filled(b"x\n"), "yaml-text-length"),
    "a plain text of many empty lines": (filled(b"\n", start=b"x", end=b"y"), "yaml-text-length"),
    "a folded text of many lines": (filled(b" x\n\n", start=b">\n"), "yaml-text-length"),
    "escapes": (filled(b"\\u0041", start=b'"', end=b'"'), "yaml-text-length"),
    "an escaped control": (b'a: "\\e]0;owned\\a"', "yaml-control-character"),
    "quotes in quotes": (filled(b"''", start=b"'", end=b"'"), "yaml-text-length"),
    "quotes one after another": (filled(b"'' ", start=b"- "), "yaml-syntax"),
    "quotes that follow each other": (filled(b"\n'x", start=b"- 'x'"), "yaml-missing-colon"),
    "an open quote and many lines": (filled(b"x\n", start=b'a: "'), "yaml-quote"),
    "many empty items": (filled(b"-\n"), "yaml-values"),
    "many items": (filled(b"a,", start=b"[", end=b"]"), "yaml-values"),
    "many small lists": (filled(b"[],", start=b"[", end=b"]"), "yaml-values"),
    "many keys": (numbered("{}k: 1"), "yaml-values"),
    "many keys on a line": (b"{" + numbered("{}k,").replace(b"\n", b"")[: MAX_BYTES - 9] + b"}", "yaml-values"),
    "the same key over and over": (filled(b"a: 1\n"), "yaml-duplicate-key"),
    "the same key on one line": (filled(b"a,", start=b"{", end=b"}"), "yaml-duplicate-key"),
    "keys that are no text": (filled(b"1: 1\n"), "yaml-key"),
    "keys that are lists": (filled(b"? []\n: 1\n"), "yaml-key"),
    "floats": (filled(b"- 1.5\n"), "yaml-float"),
    "almost floats": (filled(b"- 1e1e1e1e1e1e\n"), "yaml-values"),
    "integers beyond every limit": (b"- " + b"9" * 9_000, "yaml-integer-range"),
    "TAG directives": (numbered("%TAG !a{}! x"), "yaml-directive"),
    "TAG directives of a second": (b"a: 1\n...\n" + numbered("%TAG !a{}! x")[: MAX_BYTES - 9], "yaml-directive"),
    "unknown directives": (filled(b"%FOO\n"), "yaml-directive"),
    "many documents": (filled(b"---\n"), "yaml-empty"),
    "many documents with content": (filled(b"--- a\n"), "yaml-documents"),
    "comments only": (filled(b"#\n"), "yaml-empty"),
    "spaces only": (filled(b" "), "yaml-empty"),
    "line breaks only": (filled(b"\r"), "yaml-empty"),
    "tabs only": (filled(b"\t", start=b"a:\n"), "yaml-tab"),
    "NUL": (b"a: b\x00c", "yaml-control-character"),
    "NUL only": (filled(b"\x00"), "yaml-control-character"),
    "NUL after many lines": (filled(b"\n", end=b"\x00" * 200), "yaml-control-character"),
    "direction turned": ("a: never \u202e contact".encode(), "yaml-control-character"),
    "byte order marks": (filled(b"\xef\xbb\xbf"), "yaml-control-character"),
    "not UTF-8": (b"a: \xff\xfe", "yaml-encoding"),
    "not UTF-8 at the end": (filled(b"\n", end=b"\xc3"), "yaml-encoding"),
    "a surrogate": (b"a: \xed\xa0\x80", "yaml-encoding"),
    "overlong": (b"a: \xc0\xaf", "yaml-encoding"),
    "UTF-16": ("a: 1".encode("utf-16-le"), "yaml-control-character"),
    "UTF-32": ("a: 1".encode("utf-32"), "yaml-encoding"),
    "commas only": (filled(b","), "yaml-syntax"),
    "colons only": (filled(b": "), "yaml-syntax"),
    "a key that stays possible": (filled(b"a ", end=b": 1"), "yaml-colon"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_within_a_second(name: str) -> None:
    text, rule = HOSTILE[name]
    gc.disable()  # what other tests have left lying is no part of the reading
    begun = time.process_time()
    with pytest.raises(BadDefinition) as caught:
        read(text, "hostile.yaml")
    spent = time.process_time() - begun
    gc.enable()
    assert spent < LIMIT
    assert rule in {finding.rule for finding in caught.value.findings}
    assert len(caught.value.findings) <= MAX_FINDINGS + 1
    assert len(pickle.dumps(caught.value.findings)) < 500 * len(caught.value.findings) + 20_000


WATCHED = """
import pickle, sys
from stegvis.routines.findings import BadDefinition
from stegvis.routines.reader import read

texts = pickle.load(sys.stdin.buffer)
read(b"a: [1, {b: c}]", "good.yaml")
seen = []
watching = False
sys.addaudithook(lambda event, _: seen.append(event) if watching else None)
for text in texts:
    watching = True
    try:
        read(text, "hostile.yaml")
    except BadDefinition:
        pass
    finally:
        watching = False
watching = True
eval("1")
open("/dev/null").close()
watching = False
print(len(texts), *seen)
"""


def test_reading_hostile_files_imports_opens_and_runs_nothing() -> None:
    """A hook cannot be taken away, so it stands in a process of its own. Its last events prove that it watches."""
    texts = [text for text, _ in HOSTILE.values()]
    watched = subprocess.run(
        [sys.executable, "-c", WATCHED], input=pickle.dumps(texts), capture_output=True, check=True, timeout=60
    )
    count, *events = watched.stdout.decode().split()
    assert int(count) == len(HOSTILE)
    assert events == ["compile", "exec", "open"]
