"""Every screen as it looks, at 80 by 24 and at 160 by 48, compared as text.

Taken anew by: python tests/tui/make_snapshots.py (which also draws them as SVG, for people).
"""

from pathlib import Path

import pytest
from tui_stage import SCENES, SIZES, Scene, drawn_names, picture_name, pictured

SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_the_screen_looks_as_it_did(tmp_path: Path, scene: Scene, size: tuple[int, int]) -> None:
    text, drawn = await pictured(tmp_path, scene, size)
    assert text == (SNAPSHOTS / f"{picture_name(scene, size)}.txt").read_text("utf-8")
    assert all("<svg" in svg for svg in drawn.values())


def test_every_picture_belongs_to_a_scene() -> None:
    assert {path.stem for path in SNAPSHOTS.iterdir()} == drawn_names()
