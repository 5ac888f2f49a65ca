"""What the whole cluster's images are found again by: never an image that would be another one today."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster import images

PROGRAM = Path(images.__file__).read_text()


@pytest.fixture
def taken(tmp_path: Path) -> Path:
    """A file that goes into an image."""
    path = tmp_path / "busybox"
    path.write_text("1.37")
    return path


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("# Perl is there", "# Perl was there"),
        ('"""Of the image without a shell."""', '"""Of the bare image."""'),
        ('"""Make an image of one layer."""\n', '"""Make one."""\n\n'),
        ('"""The images that', '"""Images that'),
    ],
    ids=["a comment", "a constant's word", "a function's word", "the file's word"],
)
def test_words_about_images_make_none_anew(was: str, becomes: str, taken: Path) -> None:
    """An edit of what is only said finds the images that were made before it."""
    assert PROGRAM.count(was) == 1
    assert images.known_by(PROGRAM.replace(was, becomes), [taken]) == images.known_by(PROGRAM, [taken])


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("tzdata,zlib1g", "zlib1g"),
        ('"minbase", "redis-server', '"extract", "redis-server'),
        ("if not path.name.startswith", "if path.name.startswith"),
        ('"var/cache",\n', ""),
        ('"-p", "80"]', '"-p", "81"]'),
    ],
    ids=["a package", "how they are unpacked", "what is removed", "what stays", "what is started"],
)
def test_whatever_a_program_does_otherwise_makes_the_images_anew(was: str, becomes: str, taken: Path) -> None:
    """No image of another recipe is taken for today's."""
    assert PROGRAM.count(was) == 1
    assert images.known_by(PROGRAM.replace(was, becomes), [taken]) != images.known_by(PROGRAM, [taken])


def test_another_file_of_the_machine_s_makes_the_images_anew(taken: Path) -> None:
    """BusyBox and the authorities of this machine are in images: after an update of them so are the new ones."""
    before = images.known_by(PROGRAM, [taken])
    taken.write_text("1.38")
    assert images.known_by(PROGRAM, [taken]) != before
