"""Repositories in the configuration: which are allowed, and what may be said of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mesh.domain.commands import Target
from mesh.domain.repositories import InGit, Repository
from tests.settings.reading import mistakes, read

GOOD = """\
repositories:
  apps:
    url: https://git.example.com/platform/apps.git
    branch: production
    token_file: /etc/meshbot/git/token
    email: meshbot@example.com
    sync: 5m
    max_mb: 20
    commit_url: https://git.example.com/platform/apps/-/commit/{commit}
    forge: gitlab
    api: https://git.example.com/api/v4
    project: platform/apps
services:
  api:
    in_git: {repository: apps, path: apps/api/routing.yaml, mode: merge-request}
  web: {}
"""


def test_a_service_is_kept_where_the_configuration_says(tmp_path: Path) -> None:
    """Repository and file by name; a service without the key is patched as before."""
    catalog = read(tmp_path, GOOD)
    found = catalog.in_git(Target("default", "mesh-demo", "api"))
    assert found == (
        Repository(
            "apps",
            "https://git.example.com/platform/apps.git",
            branch="production",
            token_file="/etc/meshbot/git/token",
            email="meshbot@example.com",
            sync_s=300.0,
            max_bytes=20_000_000,
            commit_url="https://git.example.com/platform/apps/-/commit/{commit}",
            forge="gitlab",
            api="https://git.example.com/api/v4",
            project="platform/apps",
        ),
        InGit("apps", "apps/api/routing.yaml", "merge-request"),
    )
    assert catalog.in_git(Target("default", "mesh-demo", "web")) is None


def test_a_cluster_may_say_it_for_all_its_services(tmp_path: Path) -> None:
    """The file is named by namespace and service; who says something else of Git is left out."""
    text = GOOD[: GOOD.index("services:")] + (
        "clusters: {prod: {in_git: {repository: apps, path: 'apps/{namespace}/{service}.yaml'}}, "
        "edge: {context: edge}}\n"
        "services:\n  api: {}\n  web: {git: patch}\n  own: {in_git: {repository: apps, path: own.yaml}}\n"
    )
    catalog = read(tmp_path, text)

    def path(service: str, cluster: str = "prod") -> str | None:
        found = catalog.in_git(Target(cluster, "shop", service))
        return found[1].path if found else None

    assert [path("api"), path("cart"), path("web"), path("own")] == [
        "apps/shop/api.yaml",
        "apps/shop/cart.yaml",
        None,
        "own.yaml",
    ]
    assert path("api", "edge") is None
    found = mistakes(tmp_path, text.replace("{repository: apps, path: 'apps/", "{repository: app, path: '"))
    assert [line for line in found if "clusters.prod.in_git.repository: no repository is called 'app'" in line], found


SSH = """\
repositories:
  apps:
    url: git@git.example.com:platform/apps.git
    key_file: /run/secrets/git/key
    known_hosts_file: /run/secrets/git/known_hosts
    forge: gitlab
    api: https://git.example.com/api/v4
    project: platform/apps
    token_file: /run/secrets/git/token
"""


def test_a_repository_over_ssh_has_a_key_and_known_hosts(tmp_path: Path) -> None:
    """Both are paths; the API of merge requests, which knows no key, needs its token beside them."""
    [at] = read(tmp_path, SSH).repositories
    assert (at.key_file, at.known_hosts_file) == ("/run/secrets/git/key", "/run/secrets/git/known_hosts")
    found = mistakes(tmp_path, SSH.replace("    token_file: /run/secrets/git/token\n", ""))
    assert [line for line in found if "repositories.apps.forge: needs `token_file`" in line], found
    found = mistakes(tmp_path, SSH.replace("    known_hosts_file: /run/secrets/git/known_hosts\n", ""))
    assert [line for line in found if "repositories.apps.url: is over SSH, which needs" in line], found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("https://git.example.com/platform/apps.git", "ssh://git@git.example.com/apps.git", "`known_hosts_file`"),
        ("https://git.example.com/platform/apps.git", "git@git.example.com:apps.git", "`known_hosts_file`"),
        ("https://git.example.com/platform/apps.git", "ssh://git.example.com/apps.git", "must be https://"),
        ("https://git.example.com/platform/apps.git", "ssh://git:pw@git.example.com/apps.git", "must be https://"),
        ("https://git.example.com/platform/apps.git", "file:///etc", "must be https://"),
        ("    branch: production\n", "    key_file: /k\n", "repositories.apps.key_file: is for SSH"),
        ("    branch: production\n", "    known_hosts_file: /k\n", "repositories.apps.known_hosts_file: is for SSH"),
        (
            "https://git.example.com/platform/apps.git",
            "https://u:p@git.example.com/apps.git",
            "holds a user or password",
        ),
        ("https://git.example.com/platform/apps.git", "http://git.example.com/apps.git", "would send the token"),
        ("https://git.example.com/api/v4", "http://git.example.com/api/v4", "would send the token"),
        ("branch: production", "branch: ../main", "is not the name of a branch"),
        ("branch: production", "branch: --upload-pack=x", "is not the name of a branch"),
        ("email: meshbot@example.com", "email: 'a <b@c>'", "is not an e-mail address"),
        ("path: apps/api/routing.yaml", "path: ../etc/passwd", "is not a file of a repository"),
        ("path: apps/api/routing.yaml", "path: /etc/passwd", "is not a file of a repository"),
        ("path: apps/api/routing.yaml", "path: a/.git/config", "is not a file of a repository"),
        ("path: apps/api/routing.yaml", "path: 'a\\b'", "is not a file of a repository"),
        ("{repository: apps,", "{repository: app,", "no repository is called 'app'; there is apps"),
        ("    forge: gitlab\n", "", "is one of three"),
        (
            "    forge: gitlab\n    api: https://git.example.com/api/v4\n    project: platform/apps\n",
            "",
            "needs `forge`",
        ),
        ("mode: merge-request", "going_back: merge-request", "slower than going on"),
        ("forge: gitlab", "forge: bitbucket", "repositories.apps.forge"),
    ],
)
def test_what_must_not_be_is_named(old: str, new: str, said: str, tmp_path: Path) -> None:
    """Other protocols, secrets in addresses, ways out of the tree, slips of names: each at its key."""
    assert old in GOOD
    found = mistakes(tmp_path, GOOD.replace(old, new))
    assert [line for line in found if said in line], found
    assert not [line for line in found if "u:p@" in line]


def test_the_examples_of_the_manual_are_valid(tmp_path: Path) -> None:
    """Each configuration in docs/gitops.md can be copied as it is."""
    page = (Path(__file__).parents[2] / "docs/gitops.md").read_text()
    examples = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 3
    for text in examples:
        assert read(tmp_path, text).in_git(Target("default", "mesh-demo", "api")) is not None
