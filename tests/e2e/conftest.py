"""One real API server for the whole run, the accounts on it, and namespaces that each test finds empty."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from mesh.domain.commands import Target
from tests.e2e.admin import Admin
from tests.e2e.bench import RealBench
from tests.e2e.binaries import HERE, BuildFailed, build, cache
from tests.e2e.controllers import Acceptor
from tests.e2e.istiod import HERE as ISTIO
from tests.e2e.istiod import TRANSLATE
from tests.e2e.objects import COLLECTIONS
from tests.e2e.servers import install, servers
from workers.cluster.adapter import KubernetesCluster
from workers.cluster.client import KubernetesClient

ASKED = os.environ.get("MESHBOT_E2E") == "1"
GIVEN = os.environ.get("E2E_KUBECONFIG", "")
collect_ignore_glob = [] if ASKED else ["test_*.py"]

DEMO = Target("demo", "mesh-demo", "api")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build before the first test: ten minutes are no part of any test's time."""
    wanted = any(HERE in item.path.parents for item in session.items)
    if not wanted or GIVEN or session.config.option.collectonly:
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        try:
            build()
            build(names=(TRANSLATE,), home=ISTIO)
        except BuildFailed as error:
            pytest.exit(str(error), returncode=1)


@pytest.fixture(scope="session")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    """The administrator of the cluster `E2E_KUBECONFIG` names, else of one that is started here."""
    directory = tmp_path_factory.mktemp("e2e")
    if GIVEN:
        made = Admin(_copied(Path(GIVEN), directory))
        install(made, cache())
        yield made
        return
    with servers(directory) as kubeconfig:
        made = Admin(kubeconfig)
        install(made, cache())
        yield made


@pytest.fixture(scope="session")
def worker_kubeconfig(admin: Admin) -> Path:
    """The kubeconfig of the account that manifests/rbac.yaml makes."""
    return admin.shipped()


@pytest.fixture
def cluster(worker_kubeconfig: Path) -> KubernetesCluster:
    """The workers' cluster `demo` with the shipped rights, as a fresh process has it."""
    return connected(worker_kubeconfig)


@pytest.fixture(scope="module")
def _acceptor(admin: Admin) -> Iterator[Acceptor]:
    with Acceptor(admin.kubeconfig, silent=True) as started:
        yield started


@pytest.fixture
def acceptor(_acceptor: Acceptor) -> Iterator[Acceptor]:
    """The one controller that accepts Gateway API routes; it does so until the test turns a switch, or ends."""
    _acceptor.obey()
    yield _acceptor
    _acceptor.silent = True


@pytest.fixture
def bench(cluster: KubernetesCluster, acceptor: Acceptor) -> RealBench:
    """The verbs over the API server, with the shipped rights; routes are accepted there."""
    return RealBench(real=cluster)


@pytest.fixture
def emptied(admin: Admin) -> Callable[[str], None]:
    """A way to find a namespace there and empty."""

    def empty(namespace: str) -> None:
        admin.namespace(namespace)
        admin.empty(namespace, COLLECTIONS)

    return empty


@pytest.fixture
def demo(emptied: Callable[[str], None]) -> str:
    """The examples' namespace, empty."""
    emptied(DEMO.namespace)
    return DEMO.namespace


def connected(kubeconfig: Path) -> KubernetesCluster:
    """The cluster `demo` as an account sees it."""
    return KubernetesCluster({"demo": KubernetesClient("demo", kubeconfig=str(kubeconfig))})


def _copied(given: Path, directory: Path) -> Path:
    """Copy a kubeconfig, so that those of the accounts lie beside the copy; file names in it become absolute."""
    settings = yaml.safe_load(given.read_text())
    parts = [one["cluster"] for one in settings["clusters"]] + [one["user"] for one in settings["users"]]
    for part in parts:
        for key in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
            if key in part:
                part[key] = str(given.resolve().parent / part[key])
    path = directory / "kubeconfig"
    path.write_text(yaml.safe_dump(settings))
    return path
