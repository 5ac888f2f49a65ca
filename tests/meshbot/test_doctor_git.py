"""What the doctor finds in repositories: a real git behind HTTP and SSH, stand-ins for forges and for the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh.domain.catalog import Catalog, Cluster, Service
from mesh.domain.errors import Unavailable
from mesh.domain.repositories import InGit, Repository
from meshbot.doctor.repositories import repository
from meshbot.findings import Finding
from tests.workers.git.bench import MANIFEST, PATH, GitBench
from tests.workers.git.forge import Forge
from tests.workers.git.server import TOKEN, GitServer, git
from tests.workers.git.sshd import SshdMissing, SshServer, new_key
from workers.git.adapter import GitCluster
from workers.memory import MemoryCluster

HERE = InGit("apps", PATH)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    """A real Git server, with the manifest."""
    serving = GitServer(tmp_path)
    serving.push({PATH: MANIFEST})
    yield serving
    serving.close()


@pytest.fixture
def forge() -> Iterator[Forge]:
    """A stand-in forge."""
    serving = Forge()
    yield serving
    serving.close()


@pytest.fixture
def at(server: GitServer, tmp_path: Path) -> Repository:
    """The repository of the configuration."""
    (tmp_path / "token").write_text(TOKEN)
    return Repository("apps", server.url, token_file=str(tmp_path / "token"))


def found(at: Repository, *services: Service, cluster: Any = None, demo: Cluster | None = None) -> list[Finding]:
    """What the doctor finds, with a service `api` where none is named."""
    services = services or (Service("api", in_git=HERE),)
    catalog = Catalog((demo or Cluster("demo", namespace="mesh-demo"),), services, repositories=(at,))
    one = MemoryCluster([GitBench.manifest_object()]) if cluster is None else cluster
    return list(repository("git apps", catalog, at, GitCluster(one, catalog)))


def levels(findings: list[Finding]) -> set[str]:
    """How bad it is."""
    return {one.level for one in findings}


def only(findings: list[Finding], level: str) -> Finding:
    """The one finding of a level, which says what to do."""
    [one] = [one for one in findings if one.level == level]
    assert one.todo
    return one


def test_a_repository_that_is_well_is_ok(server: GitServer, at: Repository) -> None:
    """It can be read and pushed to, the weights are found; what only a push tells is said; nothing is written."""
    findings = found(at)
    assert levels(findings) == {"ok"}
    text = "\n".join(f"{one.text} {one.todo}" for one in findings)
    assert f"lets us in over HTTPS; main is at {server.head()[:8]}" in text
    assert "takes pushes of ours Only a push tells whether main is protected" in text
    assert "the weights of 1 service were found" in text
    assert server.pushes == []
    assert TOKEN not in text


def test_a_token_that_may_only_read_is_found_without_a_push(server: GitServer, at: Repository) -> None:
    """A server that lets it read and not write says so before anything is sent."""
    git(server.bare, "config", "http.receivepack", "false")
    finding = only(found(at), "fail")
    assert "can be read, and not pushed to" in finding.text
    assert "token of `repositories.apps` may read and write" in finding.todo
    assert server.pushes == []


@pytest.mark.parametrize(
    ("told", "said", "todo"),
    [
        ({"branch": "production"}, "no branch production", "repositories.apps.branch"),
        ({"url": "http://127.0.0.1:9/apps.git"}, "does not answer", "this machine reaches it"),
        ({"token_file": ""}, "does not let us in", "may read and write it"),
        ({"token_file": "/absent"}, "cannot be read", "repositories.apps.token_file"),
    ],
)
def test_a_repository_that_cannot_be_read_says_why(told: dict[str, Any], said: str, todo: str, at: Repository) -> None:
    """Nothing else is looked at; the words are those of a change, and what to do is for whoever sets it up."""
    [finding] = found(replace(at, **told))
    assert (finding.level, said in finding.text, todo in finding.todo) == ("fail", True, True), finding


@pytest.mark.parametrize(
    ("files", "path", "said"),
    [
        ({}, "apps/web/routing.yaml", "api: apps/web/routing.yaml of apps is not there"),
        ({PATH: MANIFEST.replace("weight:   10", "weight: '10'")}, PATH, "api: "),
        ({PATH: "kind: ConfigMap\n"}, PATH, "api: "),
    ],
)
def test_a_file_without_its_weights_is_named(
    files: dict[str, str], path: str, said: str, server: GitServer, at: Repository
) -> None:
    """The service, what is wrong with its file, and what to do."""
    server.push(files)  # type: ignore[arg-type]
    finding = only(found(at, Service("api", in_git=InGit("apps", path))), "fail")
    assert finding.text.startswith(said)


def test_weights_that_are_not_synced_are_a_warning(server: GitServer, at: Repository) -> None:
    """Git has other weights than the cluster: nothing is broken, and somebody should look."""
    server.push({PATH: MANIFEST.replace("weight: 90", "weight: 80").replace("weight:   10", "weight: 20")})
    finding = only(found(at), "warn")
    assert "different weights for api" in finding.text


def test_without_a_route_or_a_cluster_the_files_are_looked_for_all_the_same(at: Repository) -> None:
    """No route for one service, no file for another, and then no cluster at all: each is told for what it is."""
    lost = Service("web", in_git=InGit("apps", "apps/web.yaml"))
    findings = found(at, Service("api", in_git=HERE), lost, cluster=MemoryCluster([]))
    assert "the files of api are there" in only(findings, "warn").text
    assert "web: apps/web.yaml of apps is not there" in only(findings, "fail").text

    class Away(MemoryCluster):
        def survey(self, *_: Any, **__: Any) -> Any:
            raise Unavailable("The API server does not answer.", hint="Look at it.")

    texts = [one.text for one in found(at, cluster=Away([])) if one.level == "warn"]
    assert any("the files of api are there" in text for text in texts)
    assert any("cannot tell whether the files fit the routes of demo: The API server" in text for text in texts)


def test_services_that_a_cluster_keeps_in_git_are_found_by_their_routes(server: GitServer, at: Repository) -> None:
    """Where files are named alike nobody lists the services: those of the cluster are looked for."""
    demo = Cluster("demo", namespace="mesh-demo", in_git=InGit("apps", "apps/{service}/routing.yaml"))
    other = yaml.safe_load(yaml.safe_dump(GitBench.manifest_object()).replace("api.", "web.").replace("api-", "web-"))
    findings = found(at, Service("api"), demo=demo, cluster=MemoryCluster([GitBench.manifest_object(), other]))
    assert "web: apps/web/routing.yaml of apps is not there" in only(findings, "fail").text
    assert any("the weights of 1 service were found" in one.text for one in findings)


@pytest.mark.parametrize(
    ("kind", "told", "expected"),
    [
        ("gitlab", {}, ("ok", "the token may write, may make merge requests, may push to main")),
        ("gitlab", {"level": 20}, ("fail", "the token's user may only read platform/apps")),
        ("gitlab", {"scopes": ["read_api", "write_repository"]}, ("fail", "scopes do not allow merge requests")),
        ("gitlab", {"can_push": False}, ("fail", "main takes no push from the token's user")),
        ("gitlab", {"scopes": ["granular"]}, ("ok", "does not tell whether the token may make merge requests")),
        (
            "github",
            {"scopes": "repo, read:org"},
            ("ok", "the token may write, may make merge requests, may push to main"),
        ),
        ("github", {"push": False}, ("fail", "the token's user may only read platform/apps")),
        ("github", {"scopes": "public_repo"}, ("fail", "scopes do not allow merge requests")),
        ("github", {}, ("ok", "does not tell whether the token may make merge requests")),
        ("github", {"protected": True}, ("ok", "whether the token may make merge requests, may push to main")),
    ],
)
def test_what_a_forge_tells_of_a_token(
    kind: Any, told: dict[str, Any], expected: tuple[str, str], at: Repository, forge: Forge
) -> None:
    """Its role, its scopes and the watched branch, where the API tells; where it does not, that is said."""
    level, said = expected
    getattr(forge, f"tell_{kind}")(**told)
    api = forge.url + ("/api/v4" if kind == "gitlab" else "")
    one = replace(at, forge=kind, api=api, project="platform/apps")
    findings = found(one, Service("api", in_git=InGit("apps", PATH, "merge-request")))
    assert any(finding.level == level and said in finding.text for finding in findings), findings
    assert levels(findings) <= {"ok", level}
    assert all(call.startswith("GET ") for call in forge.calls)


def test_a_branch_that_takes_no_push_is_no_harm_where_nothing_is_committed(at: Repository, forge: Forge) -> None:
    """Who proposes rollbacks as well needs no right to the watched branch."""
    forge.tell_gitlab(can_push=False)
    one = replace(at, forge="gitlab", api=f"{forge.url}/api/v4", project="platform/apps")
    proposing = InGit("apps", PATH, "merge-request", "merge-request")
    assert levels(found(one, Service("api", in_git=proposing))) == {"ok"}


def test_an_api_that_turns_us_away_is_a_finding(at: Repository, forge: Forge) -> None:
    """The repository is well, and merge requests would not be: told as that."""
    forge.denied = True
    one = replace(at, forge="github", api=forge.url, project="platform/apps")
    assert "the API for merge requests" in only(found(one), "fail").text


def test_a_deploy_key_that_opens_nothing_is_told(server: GitServer, at: Repository, tmp_path: Path) -> None:
    """Over SSH: well with the key of the repository, refused with another, and nothing is pushed."""
    try:
        sshd = SshServer(tmp_path / "sshd")
    except SshdMissing as missing:
        pytest.skip(str(missing))
    with sshd:
        over = replace(at, **sshd.settings(server.bare))
        findings = found(over)
        assert levels(findings) == {"ok"}
        assert "lets us in over SSH" in findings[0].text
        [finding] = found(replace(over, key_file=str(new_key(tmp_path / "other"))))
        assert "does not let us in" in finding.text
        assert "a deploy key of the repository that may write" in finding.todo
    assert len(server.messages()) == 1
