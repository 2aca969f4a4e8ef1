"""The last resort: GNU Mailman's collection of odd bounces, `flufl.bounce` (Apache-2.0), for letters we can't read.

It is asked about a letter that is about a failure and in which our own reader finds nobody. It gets the letter's own
words under a few header fields, never the stranger's MIME structure, which the standard library parses at any cost.
"""

import re
from email.message import Message
from typing import Final

from deliverability.bounces.opened import Opened

MAX_WORDS: Final = 16_384  # characters
_AUTHOR: Final = re.compile(r"[^\s<>@\"'(),;:]{1,64}@[\w.-]{1,253}")


def ask_the_collection(opened: Opened) -> tuple[list[str], list[str]]:
    """(addresses that failed, addresses that are late), in lower case; empty when it knows no better."""
    from flufl.bounce import all_failures

    letter = Message()
    letter["From"] = next(iter(_AUTHOR.findall(opened.value("From"))), "mailer-daemon@nowhere.invalid")
    for name in ("To", "Subject"):
        letter[name] = opened.value(name)[:500]
    letter["Content-Type"] = "text/plain; charset=utf-8"
    letter.set_payload(opened.words[:MAX_WORDS].encode("utf-8", "replace"))
    try:
        late, failed = all_failures(letter)
    except Exception:  # another's regular expressions over a stranger's words: whatever happens, it knows no better
        return [], []
    return sorted(_text(each) for each in failed), sorted(_text(each) for each in late)


def _text(address: bytes) -> str:
    return address.decode("utf-8", "replace").lower()
