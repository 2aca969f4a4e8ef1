"""What `posthouse setup` asks of the machine: its addresses, the daemon's user, and who of its users operates."""

import os
import pwd
import shutil
import subprocess
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

USER: Final = "posthouse"  # who the daemon runs as, where the units are installed; operators are in its group
NOBODY: Final = "none"


def public_addresses() -> str:
    """This machine's own, as the Internet sees them; "" where none is (NAT, a lab)."""
    from engine.system import own_addresses

    return ", ".join(sorted(each for each in own_addresses() if ip_address(each).is_global))


def user_of(text: str) -> str:
    """A user of this machine, or nobody yet (""). ValueError in clear words."""
    name = text.strip()
    if name == NOBODY:
        return ""
    if not _passwd(name):
        raise ValueError(f'there is no user "{name[:40]}" on this machine (adduser makes one; "none" is nobody yet)')
    return name


def daemon_user() -> pwd.struct_passwd | None:
    """Whom the daemon's files belong to, as root only; None where it has no user of its own."""
    return _passwd(USER) if os.geteuid() == 0 else None


def hand_over(*paths: Path) -> None:
    """As root: what the daemon reads belongs to its user."""
    user = daemon_user()
    for each in paths if user else ():
        os.chown(each, user.pw_uid, user.pw_gid)  # type: ignore[union-attr]


def as_user(user: pwd.struct_passwd | None) -> dict[str, Any]:
    """What `subprocess` takes to run a program as a user."""
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}


def make_operator(name: str) -> bool:
    """Whether this user is in the operators' group from now on; False where that is left to be done."""
    if not name or not daemon_user() or not (program := shutil.which("usermod")):
        return False
    return subprocess.run((program, "-aG", USER, name), check=False).returncode == 0


def _passwd(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
