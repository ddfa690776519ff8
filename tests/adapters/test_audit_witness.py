"""A witness over HTTP: what it is asked, what it answers, and what is believed of that. The server is a real one."""

import threading
from base64 import b64decode
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stegvis.adapters.audit.checkpoints import Made
from stegvis.adapters.audit.note import Note, Verifier, read_checkpoint, read_note, signed_by
from stegvis.adapters.audit.policy import read_policy
from stegvis.adapters.audit.sinks import Witness, read_notes
from stegvis.adapters.audit.tree import EMPTY, consistent
from stegvis.routines.errors import BadInput, NotProved, StegvisError, TransportError

from .signers import Key, WitnessKey, note_of
from .test_audit_signer import Desk


class Server:
    """A witness as C2SP tlog-witness has it, for one log, with one answer that may be spoiled."""

    def __init__(self, known: Callable[[], Verifier]) -> None:
        self.key = WitnessKey()
        self.known = known
        self.size, self.root = 0, EMPTY
        self.spoil: tuple[int, bytes] | None = None
        self.asked: list[int] = []
        self.paths: list[str] = []

    def answer(self, body: bytes) -> tuple[int, bytes]:
        above, _, below = body.partition(b"\n\n")
        first, *lines = above.decode().split("\n")
        old, proof = int(first.removeprefix("old ")), [b64decode(line) for line in lines]
        self.asked.append(old)
        if self.spoil is not None:
            return self.spoil
        note = read_note(below)
        origin, size, root = read_checkpoint(note.text)
        if origin != self.known().name:
            return 404, b""
        if not signed_by(note, [self.known()]):
            return 403, b""
        if old > size:
            return 400, b""
        if old != self.size:
            return 409, b"%d\n" % self.size
        if not (consistent(old, self.root, size, root, proof) or (not old and not proof)):
            return 422, b""
        self.size, self.root = size, root
        return 200, self.key.cosign(note.text).line().encode()


@contextmanager
def listening(server: Server) -> Generator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            server.paths.append(self.path)
            status, body = server.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}/w1/"
        finally:
            http.shutdown()
            thread.join()


class Watched(Desk):
    """A log whose signer asks a witness."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.grow(4)
        self.first = self.sign()
        self.server = Server(lambda: self.log.signer.keys()[0].verifier)

    def witnessed(self, url: str, quorum: str = "w") -> Made:
        vkey = self.log.signer.keys()[0].verifier.vkey()
        text = f"log {vkey}\nwitness w {self.server.key.verifier.vkey()} {url}\nquorum {quorum}\n"
        return self.sign(policy=read_policy(text.encode()))


@pytest.fixture
def at(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "signer")


def test_a_witness_signs_a_log_that_has_only_grown(at: Watched) -> None:
    with listening(at.server) as url:
        for count in (0, 3, 0, 40):
            at.grow(count)
            made = at.witnessed(url)
            assert (dict(made.failed), made.unmet) == ({}, None)
            assert signed_by(made.note, [at.server.key.verifier]) == [at.server.key.verifier]
            assert (at.server.size, at.server.root) == (made.size, made.root)
            assert (at.folder / "checkpoint").read_bytes() == made.note.bytes()
    assert set(at.server.paths) == {"/w1/add-checkpoint"}
    # The first time it had seen nothing, and said so.
    assert at.server.asked[:2] == [at.first.size, 0]
    kept = read_notes((at.folder / "checkpoints").read_bytes())
    assert [read_checkpoint(note.text).size for note in kept] == sorted(
        read_checkpoint(note.text).size for note in kept
    )
    assert len(kept) == 4


def test_a_witness_that_does_not_answer_keeps_no_checkpoint_back(at: Watched) -> None:
    with listening(at.server) as url:
        pass
    at.grow(1)
    made = at.witnessed(url)
    assert (dict(made.failed), made.unmet) == ({"w": "witness_unreachable"}, "no_quorum")
    assert (at.folder / "checkpoint").read_bytes() == made.note.bytes()
    assert at.witnessed(url, "none").unmet is None


def test_a_witness_that_has_seen_more_tells_of_a_rollback(at: Watched) -> None:
    at.server.size = at.first.size + 1
    with listening(at.server) as url:
        assert at.witnessed(url).failed == {"w": "witness_ahead"}


def test_a_witness_refuses_another_log_under_the_same_name(at: Watched) -> None:
    with listening(at.server) as url:
        at.witnessed(url)
        at.server.root = bytes(32)
        at.grow(1)
        assert at.witnessed(url).failed == {"w": "witness_refused"}


OTHER = WitnessKey(9, "vittne.example/annan")


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, b"", "witness_refused"),
        (200, b"\xff", "witness_refused"),
        (200, b"hello\n", "witness_refused"),
        (200, OTHER.cosign(note_of().text).line().encode(), "witness_refused"),
        (200, WitnessKey().cosign("another text\n").line().encode(), "bad_signature"),
        (403, b"", "witness_refused"),
        (404, b"", "witness_refused"),
        (422, b"", "witness_refused"),
        (500, b"", "witness_refused"),
        (409, b"", "witness_refused"),
        (409, b"-1\n", "witness_refused"),
        (409, b"1e3\n", "witness_refused"),
        (409, b"3\n", "witness_refused"),
        (409, b"8\n", "witness_ahead"),
    ],
)
def test_what_a_witness_may_answer_is_not_all_believed(status: int, body: bytes, code: str) -> None:
    server = Server(lambda: Key().verifier)
    server.spoil = (status, body)
    with listening(server) as url, pytest.raises((TransportError, NotProved)) as error:
        Witness(server.key.verifier, url).cosign(note_of(7), 3, lambda old, new: [bytes([old, new]) * 16])
    assert error.value.reason == code
    assert len(server.asked) <= 2


def test_lines_of_others_are_left_out() -> None:
    server, note = Server(lambda: Key().verifier), note_of(7)
    mine = server.key.cosign(note.text)
    server.spoil = (200, (OTHER.cosign(note.text).line() + mine.line()).encode())
    with listening(server) as url:
        assert Witness(server.key.verifier, url).cosign(note, 0, lambda _, __: []) == [mine]


@pytest.mark.parametrize("url", ["", "vittne.example", "ftp://vittne.example", "file:///etc/passwd", "https://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="bad_witness_url"):
        Witness(WitnessKey().verifier, url)


def test_many_notes_in_one_file() -> None:
    notes = [note_of(number) for number in range(1, 4)]
    notes[1] = Note(notes[1].text, (*notes[1].signatures, WitnessKey().cosign(notes[1].text)))
    for gap in (b"", b"\n", b"\n\n\n"):
        if gap:
            assert read_notes(gap.join(note.bytes() for note in notes)) == notes
        assert read_notes(gap + notes[1].bytes() + gap) == [notes[1]]
    for bad in (b"", b"\n", b"text\n", notes[0].bytes() + b"\ntext\n"):
        with pytest.raises(StegvisError, match="not_a_note"):
            read_notes(bad)
