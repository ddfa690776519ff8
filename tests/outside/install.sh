#!/usr/bin/env bash
# Brings verifiers that nobody here wrote into .venv/outside, for `make deep`. What cannot be had is said, and skipped.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
there=.venv/outside
mkdir -p "$there"

missing() { echo "NOT TRIED AGAINST $1: it could not be installed here. Its tests are skipped." >&2; }

if [ ! -d "$there/node_modules/@sigstore/verify" ]; then
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$there" @sigstore/verify@4.1.3 >/dev/null 2>&1 ||
        missing "@sigstore/verify"
fi
if [ ! -f "$there/node_modules/axe-core/axe.min.js" ]; then
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$there" axe-core@4.14.1 >/dev/null 2>&1 ||
        missing "axe-core"
fi
if [ ! -d "$there/node_modules/mermaid" ] || [ ! -d "$there/node_modules/jsdom" ]; then
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$there" mermaid@11.17.2 jsdom@29.1.1 >/dev/null 2>&1 ||
        missing "Mermaid"
fi
command -v chromium >/dev/null || missing "axe-core and paper in a browser (on Debian: apt-get install chromium)"
if ! "$there/sigstore/bin/python" -c 'import sigstore' 2>/dev/null; then
    { .venv/bin/python -m venv "$there/sigstore" && "$there/sigstore/bin/pip" install -qq sigstore==4.5.1; } >/dev/null 2>&1 ||
        missing "sigstore for Python"
fi
# AGPL: it reads our exports in a place of its own, and is never a dependency.
if ! "$there/pm4py/bin/python" -c 'import pm4py' >/dev/null 2>&1; then
    { .venv/bin/python -m venv "$there/pm4py" && "$there/pm4py/bin/pip" install -qq pm4py==2.7.23.11; } >/dev/null 2>&1 ||
        missing "pm4py"
fi
[ -d /usr/share/gocode/src/golang.org/x/mod/sumdb ] && command -v go >/dev/null ||
    missing "golang.org/x/mod (on Debian: apt-get install golang-go golang-golang-x-mod-dev)"
command -v openssl >/dev/null || missing "openssl"
exit 0
