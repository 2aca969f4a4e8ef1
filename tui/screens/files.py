"""Files of the operator's: those that they name, and those that the daemon gives, which are written into the folder where the
terminal was started, readable by their owner alone."""

import asyncio
import base64
import errno
import hashlib
import os
from pathlib import Path

from engine.control.client import ControlError
from engine.control.protocol.people import FileOctets
from tui.ink import Ink
from tui.session import House


def named(words: str) -> Path:
    """The file that somebody wrote down, `~` and all. OSError where nobody has such a home, or it is no plain file: one that
    never ends would be read for ever."""
    try:
        path = Path(words).expanduser()
    except RuntimeError:
        raise FileNotFoundError(errno.ENOENT, "nobody has such a home", words) from None
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no file", words)
    return path


async def save(house: House, path: str) -> None:
    """Ask for the file at `path` and write it here; what came of it is said."""
    try:
        found = await house.session.ask(FileOctets, path)
        octets = base64.b64decode(found.octets)
        if hashlib.sha256(octets).hexdigest() != found.sha256:
            raise ControlError("the file came broken", "Ask for it again")
        place = await asyncio.to_thread(_write, Path(found.name).name, octets)
    except ControlError as error:
        house.say("✗ " + error.text, Ink.BAD)
    except OSError as error:
        house.say(f"✗ {found.name} can't be written: {error.strerror}", Ink.BAD)
    else:
        house.say(f"✓ {place.name} is written: {found.about}; it is in {place.parent}", Ink.GOOD)


def _write(name: str, octets: bytes) -> Path:
    """Never over a file that is there: the next free number stands before its ending."""
    stem, dot, ending = name.partition(".json")
    for count in range(1, 1000):
        place = Path.cwd() / (name if count == 1 else f"{stem}-{count}{dot}{ending}")
        try:
            fresh = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(fresh, "wb") as file:
            file.write(octets)
        return place
    raise FileExistsError(17, "there are a thousand of them", name)
