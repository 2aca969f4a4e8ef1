"""The known providers: who stands behind a set of MX hosts, and what they are known to allow.

The facts are in providers.toml, each with its source. A provider is recognised only when **every** host of the set is
its own: a set that is half somebody else's is nobody's.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from deliverability.shaping.limits import NAMES, Limits, covers


@dataclass(frozen=True, slots=True)
class Provider:
    """One entry of providers.toml."""

    name: str
    title: str
    mx: tuple[str, ...]  # host names, or ".suffix" for all below it
    limits: Limits
    source: str


def provider_of(hosts: Iterable[str]) -> str:
    """The provider that all these MX hosts belong to, as bounces.classify and settings name it; "" when none is
    known."""
    return _provider_of(tuple(sorted({host.lower().rstrip(".") for host in hosts})))


def limits_of(name: str) -> Limits:
    """What providers.toml says of a provider; nothing for a name it does not hold."""
    found = providers().get(name)
    return found.limits if found else Limits()


@cache
def providers() -> dict[str, Provider]:
    """All known providers by name. Read once, when first asked for."""
    text = resources.files(__package__).joinpath("providers.toml").read_text("utf-8")
    return {
        entry["name"]: Provider(
            entry["name"], entry["title"], tuple(entry["mx"]),
            Limits.model_validate({key: entry[key] for key in NAMES if key in entry}), entry["source"],
        )
        for entry in tomllib.loads(text)["provider"]
    }  # fmt: skip


@lru_cache(maxsize=4_096)
def _provider_of(hosts: tuple[str, ...]) -> str:
    if not hosts:
        return ""
    return next((each.name for each in providers().values() if all(_is_of(each, host) for host in hosts)), "")


def _is_of(provider: Provider, host: str) -> bool:
    return any(covers(suffix, (host,)) for suffix in provider.mx)
