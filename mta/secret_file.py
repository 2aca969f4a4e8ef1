"""Passwords that a configuration names and does not hold: in a file below the state folder, or among systemd's credentials."""

from pathlib import Path
from typing import Final

from mta.plain_file import read_text

CREDENTIAL: Final = "credential:"
SAID: Final = f'below the state folder, or "{CREDENTIAL}NAME" for one of systemd\'s'


def place(said: str, folder: Path, credentials: Path) -> Path:
    """The file that a setting names."""
    return credentials / said.removeprefix(CREDENTIAL) if said.startswith(CREDENTIAL) else folder / said


def read_secret(path: Path) -> str:
    """The secret. OSError or UnicodeError when it can't be read."""
    return read_text(path).rstrip("\r\n")


def unusable(path: Path, credentials: Path) -> str:
    """Why a secret can't be used, or who else could read it; "" when it is well. Root's files below systemd's own folder
    are given to one service only. Whoever wrote the password itself where its file is named does not find it in a log."""
    try:
        if not read_secret(path):
            return f"{path} is empty"
    except FileNotFoundError:
        if path.is_relative_to(credentials):
            return f"{path.name} is no credential that systemd gave this process: LoadCredential= of its unit does, or use a file"
        return f"names no file in {path.parent}: it is the name of a file, not the password itself"
    except (OSError, UnicodeError) as err:
        return f"can't be used: {err}"
    status = path.stat()
    if not status.st_mode & 0o077 or (status.st_uid == 0 and path.is_relative_to(credentials)):
        return ""
    return f"{path} may be read by others (mode {status.st_mode & 0o777:o}): a password is its owner's alone (chmod 600 {path})"
