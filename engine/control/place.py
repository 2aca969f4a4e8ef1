"""Where the daemon's control socket is: as told, as configured, in this folder's ./var, or the system's.

Reads the configuration as TOML alone (engine.toml_file), so that a command need not load what checks it; and not even
that where it is told.
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

    said = _Written(config)
    folder = config.resolve().parent / said.text("daemon", "state_dir", str(STATE_DIR))
    socket, name = said.text("lmtp", "socket", "lmtp.sock"), said.data.get("hostname")
    return LocalDoor(
        hostname=name if isinstance(name, str) else getfqdn(), lmtp=folder / socket if socket else None,
        spool=folder / said.text("daemon", "spool", "spool"), sender=parseaddr(said.text("mail", "from", ""))[1],
    )  # fmt: skip


def configured(config: Path) -> Path:
    """What a configuration file says: control.socket below daemon.state_dir, below the file's own folder."""
    said = _Written(config)
    state_dir = said.text("daemon", "state_dir", str(STATE_DIR))
    return config.resolve().parent / state_dir / said.text("control", "socket", "control.sock")


class _Written:
    """A configuration file whose other settings nobody asks for. NoPlace, in the words of whoever checks them all."""

    def __init__(self, config: Path) -> None:
        from engine.faults import ConfigFaults
        from engine.toml_file import data_of, text_of

        self._file = str(config)
        try:
            self._text = text_of(config)
            self.data = data_of(self._text, self._file)
        except ConfigFaults as faults:
            raise NoPlace(str(faults)) from None

    def text(self, section: str, key: str, default: str) -> str:
        values = self.data.get(section, {})
        if not isinstance(values, dict):
            raise self._fault((section,), "must be a section")
        value = values.get(key, default)
        if not isinstance(value, str):
            raise self._fault((section, key), "must be a text in quotes")
        return value

    def _fault(self, where: tuple[str, ...], words: str) -> NoPlace:
        from engine.faults import lines_of, placed_fault

        return NoPlace(str(placed_fault(where, words, lines_of(self._text), self._file)))
