"""Takes the pictures of every screen anew: python tests/tui/make_snapshots.py [NAME ...] (of these scenes only)

The .txt files are what tests/tui/test_snapshots.py compares; the .svg files are for people to look at. Read the
difference before you commit it.
"""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]
os.environ["TZ"] = "UTC"
time.tzset()

from tui_stage import SCENES, SIZES, drawn_names, picture_name, pictured  # noqa: E402


async def main() -> None:
    folder = HERE / "snapshots"
    folder.mkdir(exist_ok=True)
    wanted = sys.argv[1:]
    for old in folder.iterdir():
        if old.stem not in drawn_names():
            old.unlink()
    for scene in SCENES:
        for size in SIZES if not wanted or scene.name in wanted else ():
            with tempfile.TemporaryDirectory() as scratch:
                text, drawn = await pictured(Path(scratch), scene, size)
            (folder / f"{picture_name(scene, size)}.txt").write_text(text, "utf-8")
            for name, svg in drawn.items():
                (folder / f"{name}.svg").write_text(svg, "utf-8")
                print(name)


if __name__ == "__main__":
    asyncio.run(main())
