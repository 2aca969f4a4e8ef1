"""What a reload leaves as it is: settings whose sockets, files and clock the daemon has held since its start."""

from typing import Any, Final

from engine.config import Config

FIXED: Final = (
    "submission.listen", "submission.listen_tls", "inbound.listen", "inbound.listen_lmtp", "lmtp.socket", "web",
    "metrics", "control", "database", "daemon.state_dir", "lab",
)  # fmt: skip


def changed(old: Config, new: Config) -> list[str]:
    """The fixed settings that differ, by name: they need a restart."""
    return [name for name in FIXED if _value(old, name) != _value(new, name)]


def keeping(old: Config, new: Config) -> Config:
    """The new configuration with the fixed settings of the old one."""
    for name in FIXED:
        new = _with(new, name.split("."), _value(old, name))
    return new


def _value(settings: Any, name: str) -> Any:
    for part in name.split("."):
        settings = getattr(settings, part)
    return settings


def _with(settings: Any, path: list[str], value: Any) -> Any:
    first, *rest = path
    return settings.model_copy(update={first: _with(getattr(settings, first), rest, value) if rest else value})
