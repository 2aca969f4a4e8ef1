"""The sections of posthouse.toml that are the daemon's own; every other part brings its own settings."""

import re
from ipaddress import ip_address
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from deliverability.settings import Settings
from engine.store.opening import POSTGRES
from mta.inbound.settings import Endpoint, parse_endpoint


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
    drain: int = Field(default=30, ge=1, le=600, description="Seconds that a stop gives open transactions to finish.")


class DatabaseSettings(Settings):
    """`[database]`: a file of this machine, or a server for one machine or several."""

    path: Path = Field(default=Path("posthouse.db"), description="The SQLite file, below the state folder.")
    url: str = Field(
        default="", description='A PostgreSQL database instead of the file: "postgresql://user@host/posthouse".'
    )

    @field_validator("url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value and not POSTGRES.match(value):
            raise ValueError('is no address of a database (try "postgresql://user@host/posthouse")')
        return value

    @model_validator(mode="after")
    def _is_one(self) -> "DatabaseSettings":
        if self.url and self.path != DatabaseSettings.model_fields["path"].default:
            raise ValueError("path and url are both set: say one of them")
        return self


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
        if not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+(?:/[A-Za-z0-9._~/-]*)?", value):
            raise ValueError(f'"{value[:60]}" is not a web address (try "https://mail.shop.example")')
        return value.rstrip("/")


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


class ControlSettings(Settings):
    """`[control]`: the socket that `posthouse` and the terminal talk to."""

    socket: Path = Field(default=Path("control.sock"), description="The Unix socket's path, below the state folder.")


class LabSettings(Settings):
    """`[lab]`: only where no mail leaves this machine."""

    enabled: bool = Field(default=False, description="Allow `posthouse lab`, which moves the daemon's clock.")
