"""The sections of posthouse.toml that are the daemon's own; every other part brings its own settings."""

import re
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote, urlsplit

from pydantic import Field, field_validator, model_validator

from deliverability.address import Address, AddressError
from deliverability.settings import Duration, Settings
from engine.store.opening import POSTGRES
from mta.inbound.settings import Endpoint, parse_endpoint
from mta.secret_file import SAID, read_secret


class DaemonSettings(Settings):
    """`[daemon]`: the processes."""

    state_dir: Path = Field(
        default=Path("/var/lib/posthouse"), description="Where the database, keys and secrets live."
    )
    carriers: int = Field(
        default=0, ge=0, le=64, description="Worker processes that take, sign and deliver mail; 0 is one a processor."
    )
    pinned: bool = Field(
        default=True,
        description="Keep each carrier on a processor of its own, where there are no fewer carriers than processors.",
    )
    spool: Path = Field(
        default=Path("spool"),
        description="Folder, below the state folder, where `posthouse sendmail` leaves mail while the daemon is down.",
    )
    keep_acts: Duration = Field(
        default=timedelta(days=400), ge=timedelta(days=1), le=timedelta(days=3650),
        description="How long it is kept what operators did; what is forgotten can't be undone.",
    )  # fmt: skip
    drain: int = Field(default=30, ge=1, le=600, description="Seconds that a stop gives open transactions to finish.")


class DatabaseSettings(Settings):
    """`[database]`: a file of this machine, or a server for one machine or several."""

    path: Path = Field(default=Path("posthouse.db"), description="The SQLite file, below the state folder.")
    url: str = Field(
        default="", repr=False,
        description='A PostgreSQL database instead of the file: "postgresql://user@host/posthouse".',
    )  # fmt: skip
    secret: str = Field(default="", description=f"File that holds the password to it, {SAID}.")

    @field_validator("url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value and not POSTGRES.match(value):
            raise ValueError('is no address of a database (try "postgresql://user@host/posthouse")')
        if value.partition("//")[2].partition("?")[0].count("@") > 1:
            raise ValueError('has more than one "@": in a password it is %40, or keep the password in a file (secret)')
        return value

    @property
    def holds_password(self) -> bool:
        """Whether the address itself does."""
        return bool(re.search(r"//[^/?@]*:[^/?@]+@|[?&]password=", self.url))

    @property
    def address(self) -> str:
        """The address with the password that its file holds now. OSError or UnicodeError when it can't be read."""
        if not self.secret:
            return self.url
        password = quote(read_secret(Path(self.secret)), safe="")
        return f"{self.url}{'&' if '?' in self.url else '?'}password={password}"

    @model_validator(mode="after")
    def _is_one(self) -> "DatabaseSettings":
        if self.url and self.path != DatabaseSettings.model_fields["path"].default:
            raise ValueError("path and url are both set: say one of them")
        if self.secret and (not self.url or self.holds_password):
            raise ValueError("secret is the password to url, which is to hold none: say a url without one")
        return self


class BackupSettings(Settings):
    """`[backup]`: what `posthouse backup make` writes, and how much of it is kept."""

    folder: Path = Field(
        default=Path("backups"),
        description="Where backups are kept, below the state folder; better a whole path on another disk.",
    )
    keep: int = Field(default=14, ge=1, le=10_000, description="How many are kept; the oldest go.")


class WebSettings(Settings):
    """`[web]`: the public pages (confirm, unsubscribe)."""

    listen: tuple[Endpoint, ...] = Field(default=("127.0.0.1:8025",), description="Where the pages are served.")
    base_url: str = Field(
        default="http://127.0.0.1:8025",
        description="How readers reach these pages: every link in mail begins with it, and nothing else ever does.",
    )
    proxies: tuple[str, ...] = Field(
        default=(), description="Networks of the reverse proxies in front, whose X-Forwarded-For is believed."
    )

    @field_validator("base_url")
    @classmethod
    def _is_base(cls, value: str) -> str:
        if "@" in value:
            raise ValueError("readers see this address: it holds no user and no password")
        if not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+(?:/[A-Za-z0-9._~/-]*)?", value) or not _has_host(value):
            raise ValueError(f'"{value[:60]}" is not a web address (try "https://mail.shop.example")')
        return value.rstrip("/")


def _has_host(url: str) -> bool:
    """Whether a host is there, and a port that can be one where there is a port."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


class MetricsSettings(Settings):
    """`[metrics]`: figures for a monitoring system."""

    listen: tuple[Endpoint, ...] = Field(
        default=(),
        description="Where /metrics is served, for Prometheus; nowhere by default, and on private addresses only.",
    )

    @field_validator("listen")
    @classmethod
    def _is_private(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if not _is_private(parse_endpoint(each)[0]):
                raise ValueError(
                    f'"{each}" may be reached from the Internet (try "127.0.0.1:9925", or a private address)'
                )
        return value


def _is_private(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_private and not address.is_unspecified


class ReportSettings(Settings):
    """`[report]`: the report of every morning (`posthouse report day`)."""

    to: tuple[str, ...] = Field(
        default=(),
        description="Addresses of whoever operates, who get it by mail; without any it stands in the journal.",
    )

    @field_validator("to")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(Address.parse(each)) for each in value)
        except AddressError as err:
            raise ValueError(f"{err}") from None


class ControlSettings(Settings):
    """`[control]`: the socket that `posthouse` and the terminal talk to."""

    socket: Path = Field(default=Path("control.sock"), description="The Unix socket's path, below the state folder.")


class LabSettings(Settings):
    """`[lab]`: only where no mail leaves this machine."""

    enabled: bool = Field(default=False, description="Allow `posthouse lab`, which moves the daemon's clock.")
