"""The address of a PostgreSQL database, as it may be shown."""

from typing import Any, Final
from urllib.parse import quote

_SECRET: Final = ("password", "sslpassword")
_PLACE: Final = ("user", "host", "port", "dbname")


def shown(url: str) -> tuple[str, bool]:
    """The same address without its passwords, and whether it had one. ValueError for what is no address."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts: dict[str, Any] = conninfo_to_dict(url)
    except ProgrammingError:
        raise ValueError('no address of a database: try "postgresql://user@host/posthouse"') from None
    had_secret = any(parts.pop(name, None) for name in _SECRET)
    user, name = quote(str(parts.get("user", "")), safe=""), quote(str(parts.get("dbname", "")), safe="")
    hosts, is_socket = str(parts.get("host", "")), str(parts.get("host", "")).startswith("/")
    rest = {key: value for key, value in parts.items() if key not in _PLACE}
    if is_socket:
        rest = {"host": hosts, **({"port": parts["port"]} if "port" in parts else {}), **rest}
    query = "&".join(f"{key}={quote(str(value), safe='/')}" for key, value in rest.items())
    before = f"{user}@" if user else ""
    return f"postgresql://{before}{'' if is_socket else _with_ports(hosts, parts)}/{name}" + (
        f"?{query}" if query else ""
    ), had_secret


def _with_ports(hosts: str, parts: dict[str, Any]) -> str:
    """host:port,host:port; a single port is every host's."""
    ports = str(parts.get("port", "")).split(",")
    names = hosts.split(",")
    several = ports if len(ports) == len(names) else ports * len(names)
    return ",".join(f"{name}:{port}" if port else name for name, port in zip(names, several, strict=True))
