"""Two numbers are replaced where they stand; what cannot be placed for certain is refused with what to do."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as some

from mesh.domain.errors import Refused
from tests.workers.git.bench import MANIFEST
from workers.git.editing import MOST_BYTES, MOST_PARSED, Named, locate

NAMED = Named("VirtualService", "networking.istio.io", "mesh-demo", "api-vs")
V1, V2 = "/spec/http/0/route/0/weight", "/spec/http/0/route/1/weight"


def edited(text: str, **weights: tuple[int, int]) -> str:
    """Edit both arms: `v1=(90, 50)`."""
    pointers = {"v1": V1, "v2": V2}
    located = locate(text.encode(), NAMED, where="the file")
    return located.written({pointers[name]: numbers for name, numbers in weights.items()})


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("head", ["", "\ufeff", "%YAML 1.1\n---\n", "--- # routes\n", "# ä ☃ 𝔘\n"])
def test_nothing_but_the_two_numbers_differs(ends: str, head: str) -> None:
    """Comments, order, quotes, flow style, other documents, line ends, a byte order mark: all stay."""
    text = f"{head}{MANIFEST}".replace("\n", ends)
    wanted = text.replace("weight: 90  ", "weight: 5  ").replace("weight:   10", "weight:   100")
    assert edited(text, v1=(90, 5), v2=(10, 100)) == wanted


@given(
    before=some.integers(0, 10**9), after=some.integers(0, 10**9), comment=some.text("ab #:-'\"{}[]\t☃", max_size=20)
)
def test_any_numbers_and_comments_survive(before: int, after: int, comment: str) -> None:
    """The new text is the old one with another number, whatever stands in the comment beside it."""
    line = f"weight: 90      # {comment}"
    text = MANIFEST.replace("weight: 90      # the old one", line)
    text = text.replace("weight: 90 ", f"weight: {before} ")
    assert edited(text, v1=(before, after)) == text.replace(f"weight: {before} ", f"weight: {after} ")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("weight: 90  ", "weight: '90'  ", "not the plain number 90"),
        ("weight: 90  ", "weight: !!int 90  ", "not the plain number 90"),
        ("weight: 90  ", "weight: 0x5A  ", "not the plain number 90"),
        ("weight: 90  ", "weight: 9_0  ", "not the plain number 90"),
        ("weight: 90  ", "weight: 91  ", "not the plain number 90"),
        ("weight: 90  ", "weight: &w 90  ", "anchor or alias `w`"),
        ("  hosts:", "  <<: {a: 1}\n  hosts:", "a key comes twice"),
        ("weight: 90  ", "weight: 90\n          weight: 80  ", "a key comes twice"),
        ("weight: 90  ", "# weight: 90  ", "Git has no /spec/http/0/route/0/weight"),
        ("weight: 90  ", "weight: {{ .Values.stable }}  ", "has a template"),
        ("subset: 'v2'", "subset: '{{ .Values.canary }}'", "has a template"),
        ("weight: 90  ", "{{ .Values.stable }}: {}\n          weight: 90  ", "has a template"),
        ("spec:", "{{- if .Values.routes }}\nspec:", "has a template"),
        ("name: api-vs", "name: web-vs", "does not have VirtualService mesh-demo/api-vs"),
        ("namespace: mesh-demo\n  ann", "namespace: other\n  ann", "does not have VirtualService"),
        ("apiVersion:   networking", "apiVersion:   net", "does not have VirtualService"),
        ("spec:", "spec: [", "is not readable as YAML"),
        ("# Owned", "version https://git-lfs.github.com/spec/v1\n# Owned", "kept by Git LFS"),
    ],
)
def test_what_is_not_placed_for_certain_is_refused(old: str, new: str, said: str) -> None:
    """Each refusal says what is wrong with the file, and what to do."""
    text = MANIFEST.replace(old, new, 1)
    if new.startswith("version https"):
        text = text.removeprefix("# Owned")
    assert text != MANIFEST
    with pytest.raises(Refused, match="(?s)" + said.replace("(", "\\(")) as refused:
        edited(text, v1=(90, 50), v2=(10, 50))
    assert refused.value.hint


def test_an_alias_elsewhere_in_the_file_is_nobodys_concern() -> None:
    """Anchors belong to their document: another one may use them."""
    text = f"kind: ConfigMap\na: &x 1\nb: *x\n---\n{MANIFEST}"
    assert edited(text, v1=(90, 50)) == text.replace("weight: 90  ", "weight: 50  ")


def merges(deep: int) -> str:
    """A document of merge keys within merge keys, which together stand for ten to the power of `deep` pairs."""
    rest = (f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in range(1, deep + 1))
    return "a0: &a0 {k: 1}\n" + "".join(rest)


def test_merge_keys_that_stand_for_billions_are_never_followed() -> None:
    """In another object they are nobody's concern; where they may hide the object they are refused; both at once."""
    bomb = merges(12)
    other = f"kind: Other # VirtualService\nmetadata: {{name: api-vs}}\n{bomb}"
    text = f"{MANIFEST}---\n{other}"
    assert edited(text, v1=(90, 50)) == text.replace("weight: 90  ", "weight: 50  ")
    for hiding in (f"kind: VirtualService # api-vs\n{bomb}<<: *a12\n", f"# VirtualService api-vs\n{bomb}<<: *a12\n"):
        with pytest.raises(Refused, match="anchor or alias `a0`"):
            edited(f"{MANIFEST}---\n{hiding}", v1=(90, 50))
    with pytest.raises(Refused, match="anchor or alias `a0`"):
        edited(f"{MANIFEST}  more:\n    {bomb.replace(chr(10), chr(10) + '    ')}", v1=(90, 50))


@pytest.mark.parametrize(
    "hidden", ["kind: VirtualService", "metadata: {name: api-vs}", "metadata: {<<: {name: api-vs}}"]
)
def test_an_object_that_comes_by_a_merge_key_is_not_overlooked(hidden: str) -> None:
    """The second object of the same name might be applied last, so it is refused and not left out."""
    said = {"kind": "VirtualService", "metadata": "{name: api-vs}"}
    rest = "".join(f"{key}: {value}\n" for key, value in said.items() if not hidden.startswith(key))
    second = hidden if "<<" in hidden else f"<<: {{{hidden}}}"
    text = f"{MANIFEST}---\napiVersion: networking.istio.io/v1beta1\n{rest}{second}\n# VirtualService\n"
    with pytest.raises(Refused, match=r"line (26|28): a key comes twice, or is none"):
        edited(text, v1=(90, 50))


def test_templates_elsewhere_in_the_file_are_nobodys_concern() -> None:
    """Brackets in a comment, or in a document that cannot be the object, bar no rollback."""
    head = "{{- range .Values.others }}\nkind: ConfigMap\nmetadata: {name: {{ . }}}\n{{- end }}\n---\n"
    text = f"{head}{MANIFEST}".replace("# the old one", "# the old one, see {{ .Values.stable }}")
    assert edited(text, v1=(90, 50)) == text.replace("weight: 90  ", "weight: 50  ")


def test_a_large_file_is_edited_without_being_parsed() -> None:
    """Thousands of other documents cost nothing, whatever is in them; what may be the object is bounded."""
    others = "kind: ConfigMap\ndata:\n  text: |\n    [[[[ {a: *b}\n" + "  x: y\n" * 2_000 + "---\n"
    text = f"{others * 100}{MANIFEST}---\n{others}"
    assert edited(text, v1=(90, 50)) == text.replace("weight: 90  ", "weight: 50  ")
    huge = MANIFEST + "# VirtualService api-vs\n" + "#\n" * MOST_PARSED
    with pytest.raises(Refused, match="too much in it"):
        edited(huge, v1=(90, 50))


def test_a_document_in_a_text_is_no_object() -> None:
    """A ConfigMap that holds the manifest of the same route, indented, is another object."""
    inner = "".join(f"    {line}\n" for line in MANIFEST.split("---\n")[1].splitlines())
    text = f"kind: ConfigMap\nmetadata: {{name: x}}\ndata:\n  file: |\n{inner}---\n{MANIFEST}"
    after = edited(text, v1=(90, 50))
    assert after == text[: text.rindex("weight: 90")] + "weight: 50" + text[text.rindex("weight: 90") + 10 :]


def test_the_same_object_twice_is_refused() -> None:
    """Which of them is applied last is not ours to guess."""
    with pytest.raises(Refused, match="has VirtualService mesh-demo/api-vs 2 times"):
        edited(f"{MANIFEST}---\n{MANIFEST}", v1=(90, 50))


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"VirtualService api-vs" + b"[" * 5_000, b"x" * (MOST_BYTES + 1), b"", b"- 1\n", b"a: *b\n", b"\x00"],
)
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    """Bytes that are no text, nesting without end, a huge file: refused, never a crash."""
    with pytest.raises(Refused):
        locate(content, NAMED, where="the file")


def test_a_namespace_may_be_left_to_who_applies_it() -> None:
    """Kustomize and Argo CD may set it."""
    text = MANIFEST.replace("  namespace: mesh-demo\n  ann", "  ann")
    assert yaml.safe_load_all(edited(text, v1=(90, 50)))
