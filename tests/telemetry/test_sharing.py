"""What several processes count is added up, also of those that are gone."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SCRIPT = r"""
    import os, sys
    from pathlib import Path
    from prometheus_client import generate_latest
    from telemetry import sharing
    from telemetry.metrics import ACK, COMMANDS, begin_worker

    directory = sharing.share("test")
    begin_worker()
    shared = sharing.Shared(directory)

    def count(times):
        for _ in range(times):
            if not (pid := os.fork()):
                COMMANDS.labels("status", "taken").inc()
                ACK.labels("http").observe(0.25)
                os._exit(0)
            os.waitpid(pid, 0)

    def told():
        with shared.registry() as registry:
            return "\n".join(sorted(generate_latest(registry).decode().splitlines()))
"""


def run(script: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run the script above and more in a process of its own: sharing changes a whole process."""
    code = textwrap.dedent(SCRIPT) + textwrap.dedent(script)
    environment = {"TMPDIR": str(directory), "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def test_what_the_dead_counted_stays_and_counts_once(tmp_path: Path) -> None:
    """Fifty processes that die leave their sums, exactly, in a handful of files; and nothing when all is over."""
    done = run(
        """
        sharing.MOST_DEAD = 1000
        count(50)
        before = told()
        assert 'meshbot_commands_total{outcome="taken",verb="status"} 50.0' in before, before
        assert 'meshbot_ack_seconds_bucket{le="0.25",way="http"} 50.0' in before, before
        sharing.MOST_DEAD = 16
        assert told() == before, told()
        count(50)
        after = told()
        assert 'meshbot_commands_total{outcome="taken",verb="status"} 100.0' in after, after
        assert 'meshbot_ack_seconds_count{way="http"} 100.0' in after, after
        assert told() == after
        assert len(list(directory.iterdir())) < 8, list(directory.iterdir())
        assert oct(directory.stat().st_mode)[-3:] == "700"
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_former_start_with_the_same_process_id_counts_no_more(tmp_path: Path) -> None:
    """In a container every start has the same process id: the files of the one before are not added."""
    done = run(
        """
        count(1)
        sharing.share("test")
        COMMANDS.labels("help", "taken").inc()
        assert "status" not in told(), told()
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr


def test_a_child_that_ends_leaves_the_numbers_of_the_others(tmp_path: Path) -> None:
    """Whoever was forked inherits what is to be done at the end; the directory is not theirs to remove."""
    done = run(
        """
        if not (pid := os.fork()):
            sys.exit(0)
        os.waitpid(pid, 0)
        assert directory.exists()
        """,
        tmp_path,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["worker_restarts_total", "messages_lost_total", "forged_jobs_total"])
def test_what_alerts_ask_for_begins_at_zero(name: str, tmp_path: Path) -> None:
    """A number that was not there before its first event would not be seen to rise."""
    done = run(f"assert 'meshbot_{name}{{' in told(), told()", tmp_path)
    assert done.returncode == 0, done.stderr
