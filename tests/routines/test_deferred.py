"""Models are built when first used, and that may be in many threads at once."""

import subprocess
import sys

CODE = """
import sys, threading
from stegvis.routines.law import LawVersion

sys.setswitchinterval(1e-6)
start, said = threading.Barrier(16), []
GOOD = b'{"from":null,"to":null,"act":null,"section":null,"says":{"sv":"x"},"source":"a","confidence":"L"}'

def read():
    start.wait()
    try:
        said.append(LawVersion.model_validate_json(GOOD).says.sv)
    except Exception as error:
        said.append(type(error).__name__)

threads = [threading.Thread(target=read) for _ in range(16)]
for one in threads: one.start()
for one in threads: one.join()
print(*said)
"""


def test_the_first_use_in_many_threads_at_once_reads_what_it_should() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["x"] * 16
