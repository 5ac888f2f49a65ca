"""Makes the images, then runs the tests in namespaces that nothing leaves: `python -m tests.cluster [pytest's words]`.

Network, mounts and processes are the run's own, so that with its first process everything ends: containers, bridges,
mounts. What stays is removed here: a directory, and empty control groups.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cluster.images import archives
from tests.cluster.node import ADDONS, HERE, PROGRAMS, groups
from tests.e2e.binaries import SERVERS, build

OWN = (
    "unshare",
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child=KILL",
    "--mount-proc",
    "--propagation",
    "private",
)


def main(words: list[str]) -> int:
    """Return pytest's own exit status."""
    build(names=(*SERVERS, *PROGRAMS))
    build(names=ADDONS, home=HERE)
    with tempfile.TemporaryDirectory(prefix="meshbot-cluster-", ignore_cleanup_errors=True) as place:
        archives(Path(place) / "images")
        environment = {**os.environ, "MESHBOT_CLUSTER": place}
        tests = [sys.executable, "-m", "pytest", str(HERE), *words]
        try:
            return subprocess.run([*OWN, *tests], env=environment, check=False).returncode
        finally:
            _ungroup()


def _ungroup() -> None:
    """Take away the control groups, the innermost first: nothing runs in them any more."""
    for root in groups():
        for group in (*sorted((one for one in root.rglob("*") if one.is_dir()), reverse=True), root):
            # What is still ending keeps its group, which is empty and harms nobody.
            with contextlib.suppress(OSError):
                group.rmdir()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
