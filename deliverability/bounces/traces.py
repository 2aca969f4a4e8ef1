"""Traces of our own mail in what comes back: the reverse-paths that name its delivery.

A complaint mostly leaves out who complained. Our message comes with it, at least its header, and in that stands the
address that we made for this one delivery. It proves itself by its HMAC (`deliverability.bounces.verp`).
"""

import re
from typing import Final

from deliverability.bounces.opened import Opened
from deliverability.bounces.verp import PREFIX
from deliverability.bounces.xarf import read_xarf

MAX_TRACES: Final = 20
_LOOKED_AT: Final = 262_144  # octets of each part
_LOCAL_PART: Final = re.compile(
    rb"(?<![A-Za-z0-9])(" + re.escape(PREFIX.encode()) + rb"[A-Za-z2-7]{40})(?=[@=?&\s>])", re.IGNORECASE
)


def reverse_paths(opened: Opened) -> tuple[str, ...]:
    """The local parts that look like reverse-paths of ours, as they stand: whose they are is for the keys to say."""
    found: dict[str, None] = {}
    xarf = read_xarf(opened)
    samples = [each[:_LOOKED_AT] for each in xarf.samples] if xarf else []
    for octets in (opened.header, *(part.payload()[:_LOOKED_AT] for part in opened.parts), *samples):
        for local in _LOCAL_PART.findall(octets):
            found.setdefault(local.decode("ascii").lower())
    return tuple(found)[:MAX_TRACES]
