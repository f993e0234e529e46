#!/usr/bin/env bash
# pytest-xdist 3.8.0 with pytest 9.2.0: `--dist loadgroup` has no effect and says nothing. Tests of one
# `xdist_group` run on several workers at once; with pytest 8.4.2 they stay on one. Tests that share something
# exclusive (a port, a server that one of them kills) then disturb one another.
# Seen: 8 tests of one group on 3 workers with pytest 9.2.0, on 1 worker with pytest 8.4.2.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cat >"$folder/test_group.py" <<'PY'
import os
import time
from pathlib import Path

import pytest


@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("number", range(8))
def test_grouped(number):
    time.sleep(0.1)
    with Path(os.environ["LOG"]).open("a") as log:
        log.write(os.environ["PYTEST_XDIST_WORKER"] + "\n")
PY
workers_used() {
  python3 -m venv "$folder/$1"
  "$folder/$1/bin/pip" install --quiet --disable-pip-version-check "pytest==$1" pytest-xdist==3.8.0 2>/dev/null
  LOG="$folder/$1.log" "$folder/$1/bin/pytest" -q -n 3 --dist loadgroup -p no:cacheprovider "$folder/test_group.py" >/dev/null
  sort -u "$folder/$1.log" | wc -l
}
old=$(workers_used 8.4.2) new=$(workers_used 9.2.0)
echo "pytest-xdist 3.8.0: a group of 8 tests ran on $old worker(s) with pytest 8.4.2 and on $new with pytest 9.2.0"
[ "$old" = 1 ] && [ "$new" -gt 1 ] || { echo "the behaviour has changed" >&2; exit 1; }
