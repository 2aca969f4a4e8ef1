"""What a reload leaves as it is: settings whose sockets, files and clock the daemon has held since its start."""

from typing import Any, Final

from pydantic import ValidationError

from engine.config import Config
from engine.faults import ConfigFaults, Fault

FIXED: Final = (
    "submission.listen", "submission.listen_tls", "inbound.listen", "inbound.listen_lmtp", "lmtp.socket", "web",
    "metrics", "control", "database", "daemon.state_dir", "lab",
)  # fmt: skip
FILE: Final = "posthouse.toml"


def changed(old: Config, new: Config) -> list[str]:
    """The fixed settings that differ, by name: they need a restart."""
    return [name for name in FIXED if _value(old, name) != _value(new, name)]


def keeping(old: Config, new: Config) -> Config:
    """The new configuration with the fixed settings of the old one. ConfigFaults where a carrier could not begin with the
    two together, though each is right by itself; and where the host's name is gone, as from a file that was cut short."""
    kept = new
    for name in FIXED:
        kept = _with(kept, name.split("."), _value(old, name))
    if new.hostname != old.hostname and "hostname" not in new.model_fields_set:
        raise ConfigFaults([Fault(FILE, None, "hostname", f"is gone; it was {old.hostname}: is the file whole?")])
    try:
        Config.model_validate(kept.model_dump(mode="json"))  # as each carrier will
    except ValidationError as err:
        held = f"without a restart these stay as they are: {', '.join(changed(old, new))}"
        words = [each["msg"].removeprefix("Value error, ") for each in err.errors()]
        raise ConfigFaults([Fault(FILE, None, "", f"{each} ({held})") for each in words]) from None
    return kept


def _value(settings: Any, name: str) -> Any:
    for part in name.split("."):
        settings = getattr(settings, part)
    return settings


def _with(settings: Any, path: list[str], value: Any) -> Any:
    first, *rest = path
    return settings.model_copy(update={first: _with(getattr(settings, first), rest, value) if rest else value})
