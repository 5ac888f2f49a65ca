"""The site: every page of the repository as it stands, one navigation, two palettes, nothing from a foreign server.

Pages are written for the forge first, so that they read well there too. What Sphinx has other words for is translated
when a page is read: pictures for dark and light, and diagrams, which are shown as pictures that `tools.diagrams` took.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HOUSE = Path(__file__).parents[2]
sys.path.insert(0, str(HOUSE))

from sphinx.application import Sphinx  # noqa: E402 - the way to our own modules is laid first

from tools.fences import FENCE, pictures_of  # noqa: E402

project = "meshbot"
author = "the authors of meshbot"
copyright = f"{author}, Apache-2.0"
html_title = "meshbot"
root_doc = "docs/index"
extensions = ["myst_parser"]
include_patterns = ["*.md", "docs/*.md", "manifests/README.md", "helm/**/README.md"]
exclude_patterns = [".*", "build", "tests", "playground"]

myst_heading_anchors = 4
myst_links_external_new_tab = False
# What is no warning to a reader: the first heading of a page is its title, whatever its level.
suppress_warnings = ["myst.header"]

html_theme = "furo"
html_static_path = ["static"]
html_extra_path = ["root"]
html_css_files = ["meshbot.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5cad", "color-brand-content": "#0b5cad"},
    "dark_css_variables": {"color-brand-primary": "#7ab8ff", "color-brand-content": "#7ab8ff"},
}
# A block without a language is plain text.
highlight_language = "text"
pygments_style = "friendly"
pygments_dark_style = "native"

PICTURE = re.compile(r"<picture>(.*?)</picture>", re.DOTALL)
DARK = re.compile(r'<source media="\(prefers-color-scheme: dark\)" srcset="([^"]+)">')
LIGHT = re.compile(r'<img alt="([^"]*)" src="([^"]+)">')


def both(light: str, dark: str, alt: str) -> str:
    """Return two pictures of which the reader's palette shows one."""
    pairs = (("only-light", light), ("only-dark", dark))
    return "\n".join(f"```{{image}} {path}\n:class: {name}\n:alt: {alt}\n```" for name, path in pairs)


def translate(app: Sphinx, docname: str, source: list[str]) -> None:  # noqa: ARG001 - the signature of source-read
    """Rewrite what the forge understands and Sphinx does not."""
    depth = "../" * docname.count("/")

    def picture(found: re.Match[str]) -> str:
        dark, light = DARK.search(found[1]), LIGHT.search(found[1])
        if dark is None or light is None:
            raise ValueError(f"{docname}: a picture needs a dark source and a light img with its alt before its src")
        return both(light[2], dark[1], light[1])

    def diagram(found: re.Match[str]) -> str:
        light, dark = (f"{depth}{path.relative_to(HOUSE)}" for path in pictures_of(found["text"]))
        return both(light, dark, "Diagram")

    source[0] = FENCE.sub(diagram, PICTURE.sub(picture, source[0]))


def setup(app: Sphinx) -> None:
    """Hear of every page that is read."""
    app.connect("source-read", translate)
