"""Moods: how the lab's hosts behave, as data.

`moods.toml` beside this module names moods and hosts; a file of the same form in the lab's state folder adds to it and
replaces by name. A mood says at which stage of a session it shows, on what condition, and what happens then. A host
shows its own moods to all; a recipient whose local part is a mood's name (`unknown@`, `greylist+7@`) meets that mood
too.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from importlib import resources
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, ValidationError, model_validator

from deliverability.settings import Duration, Settings
from deliverability.toml_text import TomlFault, read_toml
from mta.plain_file import read_text

_LOOPBACK: Final = IPv4Network("127.0.0.0/8")


class Stage(StrEnum):
    """Where in a session a mood shows."""

    GREETING = "greeting"
    EHLO = "ehlo"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"  # the DATA command
    BODY = "body"  # octets of the message came, the final dot has not
    DOT = "dot"


class Act(StrEnum):
    """What a mood does."""

    REPLY = "reply"
    DROP = "drop"  # the connection is reset without a word
    STALL = "stall"  # nothing more is said or read; the connection stays open


class Aftermath(StrEnum):
    """What a host sends to the reverse-path after it accepted a mail."""

    NOTHING = ""
    BOUNCE = "bounce"  # RFC 3464
    COMPLAINT = "complaint"  # RFC 5965
    AUTO_REPLY = "auto-reply"  # RFC 3834


class Tls(StrEnum):
    """What a host makes of STARTTLS (RFC 3207)."""

    GOOD = "good"
    NONE = "none"  # not offered
    REFUSED = "refused"  # offered, then 454
    BROKEN = "broken"  # offered and granted, then no handshake


def _on_loopback(address: str) -> str:
    if IPv4Address(address) not in _LOOPBACK:
        raise ValueError(f"{address} is not a loopback address: the lab stays on 127.0.0.0/8")
    return address


class Mood(Settings):
    """[mood.NAME]: one behaviour. Every condition that is given must hold for it to show."""

    name: str = Field(description="Its name: that of its table.")
    about: str = Field(description="What it is, for people.")
    at: Stage = Field(description="The stage at which it shows.")
    act: Act = Field(default=Act.REPLY, description="What happens then.")
    reply: str = Field(default="", description="Whole reply lines; empty: the host's ordinary reply of that stage.")
    keep: bool = Field(default=False, description="At the dot: keep the mail although its sender is not told so.")
    delay: Duration = Field(default="0s", validate_default=True, description="Wait this long before the reply.")
    greylist: Duration | None = Field(
        default=None, description="Show until this much lab time passed since client, sender and recipient first came."
    )
    above_per_minute: int | None = Field(
        default=None, ge=0, description="Show above this many in a minute of lab time, counted by client or recipient."
    )
    above_per_session: int | None = Field(default=None, ge=0, description="Show above this many mails in a session.")
    chance: float = Field(default=1.0, ge=0, le=1, description="The share of cases in which it shows.")
    aftermath: Aftermath = Field(default=Aftermath.NOTHING, description="What comes back later.")
    diagnosis: str = Field(default="", description="The reply that a later bounce reports.")

    @model_validator(mode="after")
    def _does_something(self) -> "Mood":
        if self.act is Act.REPLY and not (self.reply or self.aftermath or self.delay):
            raise ValueError("does nothing: give it a reply, another act, a delay or an aftermath")
        return self


class Host(Settings):
    """[host.NAME]: one receiving host on a loopback address of its own."""

    name: str = Field(description="Its name: that of its table.")
    about: str = Field(description="What it is, for people.")
    address: Annotated[str, AfterValidator(_on_loopback)] = Field(description="The 127.x.y.z it listens on.")
    mx: str = Field(description="Its name: in the greeting, the MX record and the certificate.")
    domains: tuple[str, ...] = Field(default=(), description="Domains whose MX it is.")
    greeting: str = Field(default="220 {host} ESMTP", description="Its greeting.")
    accepted: str = Field(default="250 2.0.0 Ok: queued as {id}", description="Its reply to a mail that it takes.")
    extensions: tuple[str, ...] = Field(
        default=("PIPELINING", "SIZE 52428800", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8"),
        description="What its EHLO reply offers, STARTTLS apart.",
    )
    tls: Tls = Field(default=Tls.GOOD, description="What it makes of STARTTLS.")
    moods: tuple[str, ...] = Field(default=(), description="Moods it shows to every mail, tried in this order.")
    mailboxes: Mapping[str, str] = Field(default={}, description="Local part: its mood here, in this provider's words.")
    delay: Duration = Field(default="0s", validate_default=True, description="It waits this long before each reply.")


class Catalogue(Settings):
    """All moods and hosts."""

    mood: Mapping[str, Mood]
    host: Mapping[str, Host]

    @model_validator(mode="after")
    def _names_are_known(self) -> "Catalogue":
        lost = [
            f"host {name} names the mood {mood}, which is not there"
            for name, host in self.host.items()
            for mood in (*host.moods, *host.mailboxes.values())
            if mood not in self.mood
        ]
        if lost:
            raise ValueError("; ".join(lost))
        return self

    @model_validator(mode="after")
    def _addresses_differ(self) -> "Catalogue":
        addresses = [host.address for host in self.host.values()]
        twice = sorted({address for address in addresses if addresses.count(address) > 1})
        if twice:
            raise ValueError(f"more than one host has the address {', '.join(twice)}")
        return self

    def of_mailbox(self, host: Host, local: str) -> Mood | None:
        """The mood of a local part at a host: up to its first "+" or "." it names the mood."""
        name = local.lower().partition("+")[0].partition(".")[0]
        return self.mood.get(host.mailboxes.get(name, name))


class CatalogueError(ValueError):
    """A moods file that can't be read or does not hold together; the words say where."""


def load(overlay: Path | None = None) -> Catalogue:
    """The shipped catalogue, with `overlay` laid over it where that file exists. CatalogueError when it is wrong."""
    shipped = resources.files("engine.lab").joinpath("moods.toml").read_text(encoding="utf-8")
    layers = [("moods.toml", shipped)]
    if overlay is not None and overlay.exists():
        layers.append((str(overlay), read_text(overlay)))
    return _assemble(layers)


def _assemble(layers: Iterable[tuple[str, str]]) -> Catalogue:
    whole: dict[str, dict[str, Any]] = {}
    for source, text in layers:
        try:
            _lay_over(whole, read_toml(text))
            catalogue = Catalogue.model_validate(whole)
        except (TomlFault, AttributeError, TypeError) as error:
            raise CatalogueError(f"{source}: {error}") from error
        except ValidationError as error:
            wrong = (f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            raise CatalogueError(f"{source}: {'; '.join(wrong)}") from error
    return catalogue


def _lay_over(whole: dict[str, dict[str, Any]], layer: dict[str, Any]) -> None:
    for kind, tables in layer.items():
        below = whole.setdefault(kind, {})
        for name, table in tables.items():
            below[name] = {**below.get(name, {}), **table, "name": name}
