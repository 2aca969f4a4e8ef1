"""A text in the operator's own editor: the terminal is the editor's meanwhile, and the loop waits with us."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported


class NotEditedError(Exception):
    """There is no edited text; says why not."""


def edited(app: App[Any], name: str, text: str) -> str:
    """The text as $VISUAL or $EDITOR leaves it, in a file that ends as `name` does. NotEditedError, also where the editor
    says by its exit code that what it left is not meant."""
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        with tempfile.TemporaryDirectory(prefix="posthouse-") as folder:
            file = Path(folder) / Path(name).name
            file.write_text(text, encoding="utf-8")
            with app.suspend():
                subprocess.run([*shlex.split(command), str(file)], check=True)
            return file.read_text(encoding="utf-8")
    except (SuspendNotSupported, OSError, ValueError, subprocess.SubprocessError) as error:
        raise NotEditedError(f"{command}: {error}") from None
