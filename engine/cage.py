"""What a worker gives up before it reads what strangers wrote: rights that a program could gain, files beyond Python's own,
connections.

Landlock (Linux 5.13, landlock(7)) keeps the files: where the kernel has none, or may not be asked, they stay readable.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same on every architecture
_VERSION: Final = 1  # LANDLOCK_CREATE_RULESET_VERSION
_BENEATH: Final = 1  # LANDLOCK_RULE_PATH_BENEATH
_FILES: Final = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF}  # all that a version can refuse; 5 and later as well
_ALL_FILES: Final = 0xFFFF
_NETWORK: Final = 0x3  # from version 4 on: bind and connect by TCP
_READ: Final = 0x4 | 0x8  # files, folders
_NO_NEW_PRIVS: Final = 38
_ZONES: Final = Path("/usr/share/zoneinfo")


def shut() -> bool:
    """From now on this process reads Python's own files and nothing else. False where the kernel keeps no files from it;
    it can gain no right in any case."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
    version = libc.syscall(_CREATE, None, 0, _VERSION)
    if version < 1:
        return False
    refused = struct.pack("=QQ", _FILES.get(version, _ALL_FILES), _NETWORK)[: 8 if version < 4 else 16]
    rules = libc.syscall(_CREATE, refused, len(refused), 0)
    if rules < 0:
        return False
    try:
        for each in _own():
            _allow(libc, rules, each)
        return bool(libc.syscall(_RESTRICT, rules, 0) == 0)
    finally:
        os.close(rules)


def _own() -> Iterable[str]:
    """Where this Python, its packages, and the rules of time zones are."""
    return sorted({sys.prefix, sys.base_prefix, *(each for each in sys.path if each), str(_ZONES)})


def _allow(libc: ctypes.CDLL, rules: int, path: str) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not here, or not for us
    try:
        allowed = _READ if Path(path).is_dir() else _READ & 0x4
        libc.syscall(_ADD, rules, _BENEATH, struct.pack("=Qi", allowed, opened), 0)
    finally:
        os.close(opened)
