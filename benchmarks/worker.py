"""One contender, told on standard input what to run: [folder, level, cases] a line."""

import gc
import json
import sys
from importlib import import_module
from pathlib import Path

from .durable import OURS
from .peers import PEERS
from .signing import CONTENDERS


def main() -> None:
    name = sys.argv[1]
    ours = {**OURS, **CONTENDERS}
    contender = ours[name] if name in ours else import_module(PEERS[name], __package__).run
    for line in sys.stdin:
        folder, level, cases = json.loads(line)
        gc.collect()
        print(contender(Path(folder), level, cases), flush=True)
        # What a long-lived server does after loading: the collector need not look at what stays again and again.
        gc.freeze()


if __name__ == "__main__":
    main()
