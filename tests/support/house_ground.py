"""A folder on ground of its own, which can be made read-only as a kernel does with a disk that fails. Needs root."""

import os
import subprocess
from pathlib import Path

import pytest


class Ground:
    """A bind mount of a folder on itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> "Ground":
        if os.geteuid() != 0:
            pytest.skip("mounting a folder needs root")
        self.folder.mkdir(mode=0o700, exist_ok=True)
        done = self._run("mount", "--bind", str(self.folder), str(self.folder))
        if done.returncode != 0:
            pytest.skip(f"a folder can't be mounted here: {done.stderr.strip()}")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._run("umount", str(self.folder)).returncode == 0

    def turn(self, how: str) -> None:
        """ro or rw."""
        assert self._run("mount", "-o", f"remount,bind,{how}", str(self.folder)).returncode == 0

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, capture_output=True, text=True, check=False)
