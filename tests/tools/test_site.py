"""The site of the documents: built strictly, complete, and alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.blocks import HOUSE
from tools.fences import diagrams, pictures_of

STRANGER = re.compile(
    r"<(?:script|img|iframe|source)[^>]*?\bsrc=\"(?:https?:)?//"
    r"|<link[^>]*?rel=\"(?:stylesheet|preload|icon)\"[^>]*?href=\"(?:https?:)?//"
)
ABROAD = re.compile(r"url\([\"']?(?:https?:)?//|@import")


def build(source: Path, target: Path, conf: Path) -> subprocess.CompletedProcess[str]:
    """Build as `make docs` does, into another directory."""
    words = ["--builder", "html", "--conf-dir", str(conf), "--doctree-dir", str(target / "doctrees")]
    command = [sys.executable, "-m", "sphinx", *words, "--fail-on-warning", "--keep-going", "--quiet"]
    return subprocess.run(
        [*command, str(source), str(target / "site")], capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    target = tmp_path_factory.mktemp("site")
    done = build(HOUSE, target, HOUSE / "docs/site")
    assert done.returncode == 0, done.stdout + done.stderr
    return target / "site"


def test_every_page_is_in_the_site(site: Path) -> None:
    """Each document has a page, and its start leads to the index."""
    pages = [*HOUSE.glob("*.md"), *(HOUSE / "docs").glob("*.md")]
    missing = [str(page) for page in pages if not (site / page.relative_to(HOUSE)).with_suffix(".html").exists()]
    assert missing == []
    assert "docs/index.html" in (site / "index.html").read_text()


def test_no_page_asks_a_foreign_server(site: Path) -> None:
    """Scripts, styles, fonts and pictures all come with the site: it is read without a network, and tells nobody."""
    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    assert [str(page) for page in pages if STRANGER.search(page.read_text())] == []
    assert [str(sheet) for sheet in site.rglob("*.css") if ABROAD.search(sheet.read_text())] == []


def test_diagrams_are_pictures(site: Path) -> None:
    """Each diagram has a picture for both palettes, taken of its present text, and the site shows them."""
    assert [text for text in diagrams() if not all(path.exists() for path in pictures_of(text))] == []
    page = (site / "docs/architecture.html").read_text()
    assert "flowchart LR" not in page
    assert len(re.findall(r'class="only-(?:light|dark)" src="[^"]+\.svg"', page)) == 2


DEAD = {
    "[gone](nowhere.md)": "nowhere.md",
    "[gone](other.md#nosuch)": "nosuch",
    "[gone](#noanchor)": "noanchor",
    "![gone](nopicture.png)": "nopicture.png",
}
"""What is wrong with a page, and the word by which it is named."""


def test_a_dead_link_breaks_the_build(tmp_path: Path) -> None:
    """A missing page, anchor or picture, and a page that nothing leads to, are errors; each is named."""
    (tmp_path / "docs/site").mkdir(parents=True)
    shutil.copytree(HOUSE / "docs/site", tmp_path / "docs/site", dirs_exist_ok=True)
    texts = "\n\n".join(DEAD)
    (tmp_path / "docs/index.md").write_text(f"# Start\n\n{texts}\n\n```{{toctree}}\nother\n```\n")
    (tmp_path / "docs/other.md").write_text("# Other\n")
    (tmp_path / "docs/lost.md").write_text("# Lost\n")
    (tmp_path / "tools").mkdir()
    shutil.copy(HOUSE / "tools/fences.py", tmp_path / "tools")
    done = build(tmp_path, tmp_path / "built", tmp_path / "docs/site")
    assert done.returncode == 1
    warnings = [line for line in done.stderr.splitlines() if "WARNING" in line]
    assert [word for word in (*DEAD.values(), "lost.md") if not any(word in line for line in warnings)] == []
    assert len(warnings) == len(DEAD) + 1
