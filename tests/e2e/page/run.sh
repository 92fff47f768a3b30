#!/bin/sh
# run.sh BINARY - the playground in a headless Chromium: what a visitor does, and axe-core's rules of accessibility.
#   CHROMIUM  the browser (default: the first of chromium, chromium-browser, google-chrome that is installed)
#   VENV      a virtual environment that has requirements.txt (default: build/venv-page, made here when it is missing)
#   SHOTS     a folder for screenshots: then nothing is tested
set -eu
binary=$1
cd "$(dirname "$0")/../../.."
here=tests/e2e/page
venv=${VENV:-build/venv-page}
browser=${CHROMIUM:-}
for name in chromium chromium-browser google-chrome; do
    if [ -z "$browser" ]; then browser=$(command -v "$name" || true); fi
done
if [ -z "$browser" ]; then
    echo 'e2e-page needs a browser: apt-get install chromium, or CHROMIUM=/path/to/it' >&2
    exit 2
fi
if ! [ -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q -r $here/requirements.txt
fi
export PYTHONDONTWRITEBYTECODE=1
if [ -n "${SHOTS:-}" ]; then
    exec "$venv/bin/python" $here/shots.py "$binary" "$browser" "$SHOTS"
fi
exec "$venv/bin/python" $here/page_test.py "$binary" "$browser"
