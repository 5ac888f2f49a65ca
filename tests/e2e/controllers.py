"""What controllers of a mesh do beside an API server that runs none: they accept routes, in their own time."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.e2e.admin import MERGE, Admin, Obj

ROUTES = ("httproutes", "grpcroutes")
_ROOT = "/apis/gateway.networking.k8s.io/v1"
_EVERY_S = 0.1


@dataclass
class Acceptor:
    """Writes the condition Accepted for every parent of every HTTPRoute and GRPCRoute: `with Acceptor(admin) as it:`.

    The attributes are switches, to be turned at any moment.
    """

    kubeconfig: Path
    silent: bool = False
    """True: it says nothing of what changes from now on."""
    refuses: str = ""
    """Accepted becomes False, with this reason."""
    names_generation: bool = True
    """False as Linkerd's policy controller does it: `observedGeneration` is left out, and True stays True."""
    _over: threading.Event = field(default_factory=threading.Event)
    _wrong: list[Exception] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        assert not self._wrong, f"the controller failed: {self._wrong}"

    def obey(self) -> None:
        """Turn every switch back: it accepts whatever comes."""
        self.silent, self.refuses, self.names_generation = False, "", True

    def _run(self) -> None:
        admin = Admin(self.kubeconfig)
        try:
            while not self._over.wait(_EVERY_S):
                for plural in ROUTES:
                    for route in admin.must("GET", f"{_ROOT}/{plural}")["items"]:
                        self._speak(admin, plural, route)
        except Exception as error:  # noqa: BLE001 - told by the thread that waits for it
            self._wrong.append(error)

    def _speak(self, admin: Admin, plural: str, route: Obj) -> None:
        metadata = route["metadata"]
        said = (route.get("status") or {}).get("parents") or []
        wanted = [self._word(ref, metadata["generation"]) for ref in route["spec"].get("parentRefs") or []]
        if self.silent or _timeless(said) == _timeless(wanted):
            return
        path = f"{_ROOT}/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}/status"
        # Deleted in between: nothing is left to be spoken of.
        assert admin.do("PATCH", path, {"status": {"parents": wanted}}, MERGE).status in (200, 404)

    def _word(self, parent: Obj, generation: int) -> Obj:
        condition = {
            "type": "Accepted",
            "status": "False" if self.refuses else "True",
            "reason": self.refuses or "Accepted",
            "message": "",
            "lastTransitionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        if self.names_generation:
            condition |= {"observedGeneration": generation}  # type: ignore[dict-item]  # a number among texts
        return {"parentRef": parent, "controllerName": "e2e.invalid/controller", "conditions": [condition]}


def _timeless(parents: list[Obj]) -> list[Any]:
    return [
        [{key: value for key, value in one.items() if key != "lastTransitionTime"} for one in parent["conditions"]]
        for parent in parents
    ]
