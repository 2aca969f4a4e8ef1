"""Where the daemon's control socket is: as told, as configured, in this folder's ./var, or the system's.

Reads the configuration with tomllib alone, so that a command need not load what checks it; and not even that where it is told.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOCAL_CONFIG: Final = Path("var/posthouse.toml")
SYSTEM_CONFIG: Final = Path("/etc/posthouse/posthouse.toml")
LOCAL_SOCKET: Final = Path("var/control.sock")
SYSTEM_SOCKET: Final = Path("/run/posthouse/control.sock")
STATE_DIR: Final = Path("/var/lib/posthouse")  # as engine.config says


def is_there(path: Path) -> bool:
    """Whether we can see it. What lies in a folder that we may not enter is not there for us: `sudo -u posthouse` in /root."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises there


class NoPlace(Exception):
    """The configuration that should say where the socket is can't be read; the words say why."""


def socket_path(told: Path | None = None, config: Path | None = None) -> Path:
    """The socket: `told`, else POSTHOUSE_SOCKET, else what `config` or POSTHOUSE_CONFIG says, else where one is usual."""
    environment = os.environ.get
    if told is not None or environment("POSTHOUSE_SOCKET"):
        return told or Path(str(environment("POSTHOUSE_SOCKET")))
    if config is None and environment("POSTHOUSE_CONFIG"):
        config = Path(str(environment("POSTHOUSE_CONFIG")))
    if config is not None:
        return configured(config)
    return LOCAL_SOCKET if is_there(LOCAL_SOCKET) else SYSTEM_SOCKET


@dataclass(frozen=True, slots=True)
class LocalDoor:
    """Where programs on this host hand over mail."""

    hostname: str
    lmtp: Path | None  # the socket while the daemon runs; None where the configuration has none
    spool: Path  # the folder while it does not
    sender: str = ""  # who mail is from where its program does not say: the address of mail.from


def local_door(config: Path | None = None) -> LocalDoor:
    """As `config`, else POSTHOUSE_CONFIG, else the system's file says. Never a file of the folder one happens to be in:
    somebody else may have put it there.
    """
    config = config or Path(os.environ.get("POSTHOUSE_CONFIG") or SYSTEM_CONFIG)
    from email.utils import parseaddr
    from socket import getfqdn

    said = _read(config)
    folder = config.resolve().parent / _text(said, "daemon", "state_dir", str(STATE_DIR))
    socket, name = _text(said, "lmtp", "socket", "lmtp.sock"), said.get("hostname")
    return LocalDoor(
        hostname=name if isinstance(name, str) else getfqdn(), lmtp=folder / socket if socket else None,
        spool=folder / _text(said, "daemon", "spool", "spool"), sender=parseaddr(_text(said, "mail", "from", ""))[1],
    )  # fmt: skip


def configured(config: Path) -> Path:
    """What a configuration file says: control.socket below daemon.state_dir, below the file's own folder."""
    said = _read(config)
    state_dir = _text(said, "daemon", "state_dir", str(STATE_DIR))
    return config.resolve().parent / state_dir / _text(said, "control", "socket", "control.sock")


def _read(config: Path) -> dict[str, object]:
    import tomllib

    from mta.plain_file import read_text

    try:
        return tomllib.loads(read_text(config))
    except OSError as err:
        raise NoPlace(f"cannot read {config}: {err.strerror}") from None
    except (ValueError, UnicodeError) as err:
        raise NoPlace(f"{config} is no TOML: {err}") from None


def _text(said: dict[str, object], section: str, key: str, default: str) -> str:
    values = said.get(section)
    value = values.get(key, default) if isinstance(values, dict) else default
    return value if isinstance(value, str) else default
