#!/usr/bin/env bash
# Plants small faults, one at a time, in what checks the audit log, and counts those that no test notices.
#
#   tests/outside/mutate.sh            all; some minutes on two cores
#   tests/outside/mutate.sh results    those that survived, by name
#   tests/outside/mutate.sh show NAME  one of them
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
venv=$PWD/.venv/mutation there=$PWD/.venv/mutated

if ! [ -x "$venv/bin/mutmut" ]; then
    .venv/bin/python -m venv "$venv"
    "$venv/bin/python" -m pip install -qq --upgrade --constraint constraints.txt pip
    "$venv/bin/python" -m pip install -qq --constraint constraints.txt \
        --editable '.[cli,migrations,testing]' --group dev mutmut==3.8.1
fi
if [ $# -gt 0 ]; then
    cd "$there"
    exec "$venv/bin/mutmut" "$@"
fi

# In a copy, and without the links: mutmut must find each module under the name that it is imported by.
rm -rf "$there"
mkdir -p "$there/src"
cp -RL src/stegvis "$there/src/stegvis"
cp -R tests pyproject.toml "$there"
cat >"$there/setup.cfg" <<'END'
[mutmut]
source_paths = src
only_mutate =
    src/stegvis/adapters/audit/tree.py
    src/stegvis/adapters/audit/note.py
    src/stegvis/adapters/audit/verify.py
pytest_add_cli_args =
    -p
    no:randomly
    -p
    no:xdist
pytest_add_cli_args_test_selection =
    tests/adapters/test_audit_tree.py
    tests/adapters/test_audit_compare.py
    tests/adapters/test_audit_note.py
    tests/adapters/test_audit_policy.py
END
cd "$there"
"$venv/bin/mutmut" run --max-children "${CHILDREN:-2}"
