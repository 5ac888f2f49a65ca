"""The README and the documents: what they name is there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from mesh.domain.errors import Refused
from mesh.domain.grammar import OPTIONS, parse
from mesh.domain.verbs import VERBS
from settings.file import read_catalog
from tests.tools.blocks import (
    HOUSE,
    PAGES,
    Block,
    blocks,
    commands,
    hidden,
    is_configuration,
    merged,
    spans,
    speaks,
    typed,
)
from tests.tools.complaints import PLAIN, complaint
from tools.tour import PAGE, SECTION, stops

README = (HOUSE / "README.md").read_text()
DOCUMENTS = (HOUSE / "README.md", *sorted((HOUSE / "docs").glob("*.md")))
LANGUAGES = {"sh", "yaml", "json", "mermaid", "text", "", "{toctree}"}


def is_plain(block: Block) -> bool:
    """Tell whether nothing but small tools is in a block."""
    return all(words[0] in PLAIN for words in commands(block.text))


def test_the_table_of_commands_is_complete() -> None:
    """Every verb begins a command of the table's first column, and every word there is a verb."""
    rows = re.findall(r"^\| (`.*?) \|[^|]*\|$", README.replace("\\|", "/"), re.MULTILINE)
    named = {word for row in rows for word in re.findall(r"`([a-z]+)", row)}
    assert {verb.value for verb in VERBS} == named


def test_every_option_is_named() -> None:
    """Long ones and short ones."""
    assert [option for option in OPTIONS if not re.search(rf"{option}\b", README)] == []


def test_every_picture_and_page_is_there() -> None:
    """No document points at a file that is not in the repository, and no picture is shown by nobody."""
    shown = set()
    for page in DOCUMENTS:
        found = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)|(?:src|srcset)=\"([^\":]+)\"", page.read_text())
        targets = {page.parent / (link or source) for link, source in found}
        assert [str(target) for target in sorted(targets) if not target.exists()] == [], page.name
        shown |= {target.resolve() for target in targets}
    assert sorted(set((HOUSE / "docs/pictures").rglob("*.png")) - shown) == []


# --- what the documents show can be typed -----------------------------------------------------------------------------


def test_every_block_is_of_a_kind_that_is_checked() -> None:
    """No block hides from the tests behind a language that they do not know."""
    strange = [f"{block}: {block.language}" for block in blocks() if block.language not in LANGUAGES]
    assert strange == []


def test_no_block_is_hidden() -> None:
    """Every block is fenced by three backticks and closed: none in tildes, in HTML, or by an indent."""
    assert {page.name: lines for page in PAGES if (lines := hidden(page.read_text()))} == {}


@pytest.mark.parametrize(
    "page",
    [
        "~~~sh\nmake demo\n~~~\n",
        "````sh\nmake demo\n````\n",
        "> ```sh\n> make demo\n> ```\n",
        "```sh\nmake demo\n",
        "so:\n\n    X=1 sudo make demo\n",
        "so:\n\n    cd x && .venv/bin/pytest\n",
        "<pre>make demo</pre>\n",
    ],
)
def test_a_hidden_block_is_found(page: str) -> None:
    """Whatever way it is hidden."""
    assert hidden(page)


def test_no_command_hides_in_another_language() -> None:
    """What a shell is told stands in a block of its language."""
    lines = [(str(block), line) for block in blocks("", "text", "json") for line in block.text.splitlines()]
    assert [(where, line) for where, line in lines if speaks(line)] == []


@pytest.mark.parametrize("line", ["X=200 .venv/bin/pytest -s", "sudo make demo", "cd x && make demo", "$ meshbot bot"])
def test_a_hidden_command_is_found(line: str) -> None:
    """Whatever stands before it."""
    assert speaks(line)


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_every_shell_command_is_there(block: Block) -> None:
    """Programs are ours, small, or have a reason not to be run; targets, commands, options, files and values exist.

    `meshbot` reads its own; make says what it would run. What the two can run is run: tests/world/test_documents.py.
    """
    found = {" ".join(words): complaint(words) for words in commands(block.text)}
    assert {command: why for command, why in found.items() if why} == {}
    assert found, "an empty block"


def test_small_tools_are_run() -> None:
    """A block of nothing but small tools ends well and prints something."""
    for block in filter(is_plain, blocks("sh")):
        script = ["bash", "-euo", "pipefail", "-c", block.text]
        done = subprocess.run(script, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), block
        assert done.stdout.strip(), block


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed on this machine")
def test_keys_are_made_as_shown(tmp_path: Path) -> None:
    """Without a passphrase, as the page asks; what ssh-keyscan would have asked a server for is such a key, too."""
    lines = [words for block in blocks("sh") for words in commands(block.text) if words[0] == "ssh-keygen"]
    makes, looks = [words for words in lines if "-f" in words], [words for words in lines if "-lf" in words]
    for words in makes:
        subprocess.run([*words, "-q", "-N", ""], cwd=tmp_path, check=True)
    public = (tmp_path / "key.pub").read_text()
    assert public.startswith("ssh-ed25519 ")
    (tmp_path / "known_hosts").write_text(f"git.example.com {public}")
    for words in looks:
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert "SHA256:" in done.stdout
    assert (len(makes), len(looks)) == (1, 1)


def test_shell_commands_in_the_text_are_there() -> None:
    """What stands in a code span and could be typed exists as well."""
    shown = [one for program in ("make", "meshbot", "kubectl", "helm", "docker", "python") for one in spans(program)]
    found = {f"{page.name}: {span}": complaint(words) for page, span in shown for words in commands(span)}
    by_name_alone = "Missing argument"  # in a sentence a command may be called without what it is given
    assert {span: why for span, why in found.items() if why and not why.startswith(by_name_alone)} == {}
    assert len(found) > 30


def test_every_mesh_command_can_be_typed() -> None:
    """In blocks and in the text; what the page of commands shows as refused is typed by the tour."""
    shown = [(str(block), line) for block in blocks("", "text") for line in typed(block)]
    names = {f"/mesh {verb}" for verb in VERBS}  # in a sentence a command may be called by its name alone
    shown += [(page.name, span) for page, span in spans("/mesh") if span not in names]
    refused = {command for stop in stops(PAGE.read_text()) if stop.refused for command in stop.commands}
    wrong = {}
    for where, line in shown:
        try:
            parse(line)
        except Refused as error:
            if line not in refused:
                wrong[f"{where}: {line}"] = error.message
    assert wrong == {}
    assert len(shown) > 60


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_every_yaml_block_is_read(block: Block, tmp_path: Path) -> None:
    """Fragments of meshbot's configuration load, laid over the example that is shipped; others are YAML."""
    fragment = yaml.safe_load(block.text)
    if not is_configuration(fragment):
        return
    whole = merged(yaml.safe_load((HOUSE / "docs/examples/meshbot.yaml").read_text()), fragment)
    path = tmp_path / "meshbot.yaml"
    path.write_text(yaml.safe_dump(whole))
    read_catalog(str(path))


def test_every_json_block_is_read() -> None:
    """Each is JSON."""
    for block in blocks("json"):
        json.loads(block.text)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("make tests", "no target tests"),
        ("make demo ARGS='--prot 8090'", "No such option"),
        ("meshbot bot --sockets", "No such option"),
        ("meshbot bot --port 99999999", "is not in the range"),
        ("meshbot worker --queue urgnt", "is not one of"),
        ("meshbot config check", "Missing argument"),
        ("meshbot config check docs/nofile.yaml", "no file docs/nofile.yaml"),
        ("MESHBOT_FLOOD=200 .venv/bin/pytest tests/world/test_floods.py -s", "no file tests/world/test_floods.py"),
        (".venv/bin/python -m tools.card", "no module to run"),
        ("sudo meshbot fly", "No such command"),
        ("meshbot fly", "No such command"),
        ("kubectl apply -f manifests/rbacs.yaml", "no file manifests/rbacs.yaml"),
        ("kubectl exec deploy/meshbot-bot -- meshbot doctors", "No such command"),
        ("frobnicate | cut -c1", "nobody knows how to check frobnicate"),
        ("kind load --config docs/nowhere.yaml", "no file docs/nowhere.yaml"),
    ],
)
def test_what_is_not_there_is_found(command: str, why: str) -> None:
    """The checks of shell commands can fail."""
    assert any(why in complaint(words) for words in commands(command))


def test_every_command_has_a_section_with_its_card() -> None:
    """Each verb has a section with its usage as `help` has it, something to type, and a picture in both palettes."""
    page = PAGE.read_text()
    sections = {mark["verb"] for mark in SECTION.finditer(page)}
    assert sections == {verb.value for verb in VERBS}
    walked = list(stops(page))
    for verb, text in VERBS.items():
        assert f"### `{verb}`\n\n`/mesh {text.usage}`\n" in page, verb
        assert any(stop.verb == verb and stop.is_pictured(line) for stop in walked for line in stop.commands), verb
        for scheme in ("light", "dark"):
            assert f"pictures/commands/{verb}-{scheme}.png" in page
    pictures = {path.stem.rpartition("-")[0] for path in (HOUSE / "docs/pictures/commands").glob("*.png")}
    assert pictures == sections
