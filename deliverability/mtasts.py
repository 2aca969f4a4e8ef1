"""MTA-STS (RFC 8461): what a domain publishes so that mail to it travels over verified TLS. Values in, values out.

A TXT record says that there is a policy, and which (`record_id`); the policy itself comes over HTTPS (`Policy.parse`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from deliverability.address import AddressError, parse_domain

LONGEST: Final = timedelta(seconds=31_557_600)  # of max_age: a year
MAX_EXCHANGERS: Final = 100

_RECORD: Final = re.compile(r"v=STSv1[ \t]*(;.*)?", re.DOTALL)
_ID: Final = re.compile(r"[A-Za-z0-9]{1,32}")
_TLSRPT: Final = re.compile(r"v=TLSRPTv1[ \t]*;.*\brua[ \t]*=", re.DOTALL)


class Mode(StrEnum):
    ENFORCE = "enforce"  # deliver over verified TLS to a host that the policy names, or wait
    TESTING = "testing"  # deliver anyhow, and report
    NONE = "none"  # as if there were no policy


class PolicyTrouble(ValueError):
    """What was published is no policy; says why."""


@dataclass(frozen=True, slots=True)
class Policy:
    mode: Mode
    max_age: timedelta
    exchangers: tuple[str, ...] = ()  # host names, or "*.domain" for one label below it

    @classmethod
    def parse(cls, text: str) -> "Policy":
        """Read a policy (RFC 8461 section 3.2). PolicyTrouble. Of a key that comes twice the first counts, but for mx;
        keys that nobody knows mean nothing."""
        said: dict[str, str] = {}
        exchangers = []
        for line in text.replace("\r\n", "\n").split("\n"):
            key, colon, value = line.partition(":")
            if not colon:
                continue
            if key.strip() == "mx":
                exchangers.append(_exchanger(value.strip()))
            else:
                said.setdefault(key.strip(), value.strip())
        if said.get("version") != "STSv1":
            raise PolicyTrouble("it does not say version: STSv1")
        mode, max_age = _mode(said.get("mode", "")), _max_age(said.get("max_age", ""))
        if mode is not Mode.NONE and not exchangers:
            raise PolicyTrouble("it names no mx")
        if len(exchangers) > MAX_EXCHANGERS:
            raise PolicyTrouble(f"it names more than {MAX_EXCHANGERS} mx")
        return cls(mode, max_age, tuple(exchangers))


def is_named(host: str, exchangers: Iterable[str]) -> bool:
    """Whether a host is one of these; "*." stands for exactly one label (RFC 8461 section 4.1)."""
    host = host.lower().rstrip(".")
    parent = host.partition(".")[2]
    return any(each == host or (each.startswith("*.") and each[2:] == parent != "") for each in exchangers)


def record_id(texts: Iterable[str]) -> str | None:
    """The id of the policy that a domain's `_mta-sts` TXT records announce; None where they announce none, or more than
    one (section 3.1)."""
    found = [each for each in texts if _RECORD.fullmatch(each)]
    if len(found) != 1:
        return None
    fields = (field.partition("=") for field in found[0].split(";"))
    ids = [value.strip() for key, _, value in fields if key.strip() == "id"]
    return ids[0] if len(ids) == 1 and _ID.fullmatch(ids[0]) else None


def wants_reports(texts: Iterable[str]) -> bool:
    """Whether a domain's `_smtp._tls` TXT records ask for reports (RFC 8460 section 3)."""
    return len([each for each in texts if _TLSRPT.match(each)]) == 1


def _mode(text: str) -> Mode:
    try:
        return Mode(text)
    except ValueError:
        raise PolicyTrouble(f"its mode is {text[:20]!r}") from None


def _max_age(text: str) -> timedelta:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise PolicyTrouble(f"its max_age is {text[:20]!r}")
    return min(timedelta(seconds=int(text)), LONGEST)


def _exchanger(text: str) -> str:
    name = text.removeprefix("*.")
    try:
        return text[: len(text) - len(name)] + parse_domain(name)
    except AddressError:
        raise PolicyTrouble(f"its mx {text[:80]!r} is no host") from None
