"""Running checks side by side: one that hangs or has a bug keeps no other from its answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mesh.domain.errors import MeshbotError
from meshbot.findings import Finding

WITHIN_S = 20.0


@dataclass
class Check:
    """Looks at one part."""

    what: str
    look: Callable[[], Iterable[Finding]]
    found: list[Finding] = field(default_factory=list)
    """Filled while it runs."""
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Look; every error becomes a finding."""
        try:
            for finding in self.look():
                self.found.append(finding)
        except MeshbotError as error:
            self.found.append(Finding("fail", self.what, error.message, error.hint))
        except Exception as error:  # noqa: BLE001 (a bug in one check must not hide what the others found)
            # Its own text may hold anything.
            text = f"this check broke ({type(error).__name__}), so nothing is known of it"
            self.found.append(Finding("fail", self.what, text, "Report it, with what is special about this set-up."))
        self.over.set()


def examined(checks: Sequence[Check], *, within_s: float = WITHIN_S) -> Iterator[Finding]:
    """Run all checks at once and yield what they find, in their order, within so many seconds.

    What did not answer by then is told, with what was found before; it dies with this process.
    """
    until = time.monotonic() + within_s
    for check in checks:
        threading.Thread(target=check.run, name=f"check {check.what}", daemon=True).start()
    for check in checks:
        well = check.over.wait(max(0.0, until - time.monotonic()))
        yield from list(check.found)
        if not well:
            text = f"no answer within {within_s:g} s"
            yield Finding("fail", check.what, text, "Is something between here and there silent, e.g. a firewall?")
