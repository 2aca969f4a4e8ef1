"""The sandbox of a unit file, without systemd: what its program may ask of the kernel, and nothing else.

    python house_sandbox.py UNIT PROGRAM ARGUMENT...

Takes from the unit, as systemd would: SystemCallFilter and SystemCallErrorNumber, RestrictAddressFamilies,
MemoryDenyWriteExecute, NoNewPrivileges; as root also CapabilityBoundingSet. systemd-analyze says what belongs to a group of
system calls.
"""

import errno
import os
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

import pyseccomp as seccomp

_PROT_WRITE, _PROT_EXEC = 2, 4
_MEMORY = {"mmap", "mprotect", "pkey_mprotect"}


def words_of(unit: Path, key: str) -> list[str]:
    """The values of a key, a line each."""
    lines = (line.partition("=") for line in unit.read_text("utf-8").splitlines() if not line.startswith("#"))
    return [value for name, _, value in lines if name == key]


def allowed(unit: Path) -> set[str]:
    """The system calls that are left, by name (systemd.exec(5), SystemCallFilter)."""
    found: set[str] = set()
    for line in words_of(unit, "SystemCallFilter"):
        named = set().union(*(calls(each) for each in line.removeprefix("~").split()))
        found = found - named if line.startswith("~") else found | named
    return found | calls("@default")


@cache
def calls(name: str) -> frozenset[str]:
    """A system call, or those of a group and the groups in it."""
    if not name.startswith("@"):
        return frozenset({name})
    said = subprocess.run(
        ("systemd-analyze", "syscall-filter", name), check=True, capture_output=True, text=True
    ).stdout
    members = [each.strip() for each in said.splitlines()[1:] if each.strip() and not each.strip().startswith("#")]
    return frozenset().union(*(calls(each) for each in members))


def shut(unit: Path) -> None:
    """From now on this process, and whoever it starts, has no more than the unit allows."""
    [number] = words_of(unit, "SystemCallErrorNumber")
    jail = seccomp.SyscallFilter(seccomp.ERRNO(getattr(errno, number)))
    families = [getattr(socket, each) for each in words_of(unit, "RestrictAddressFamilies")[0].split()]
    assert words_of(unit, "MemoryDenyWriteExecute") == ["yes"]
    for name in sorted(allowed(unit) - _MEMORY - {"socket"}):
        if seccomp.resolve_syscall(seccomp.Arch.NATIVE, name) >= 0:
            jail.add_rule(seccomp.ALLOW, name)
    for family in families:
        jail.add_rule(seccomp.ALLOW, "socket", seccomp.Arg(0, seccomp.EQ, family))
    for kind in (0, _PROT_WRITE, _PROT_EXEC):
        jail.add_rule(seccomp.ALLOW, "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, _PROT_WRITE | _PROT_EXEC, kind))
    jail.add_rule(seccomp.ALLOW, "mprotect", seccomp.Arg(2, seccomp.MASKED_EQ, _PROT_EXEC, 0))
    jail.load()


def within(unit: Path) -> list[str]:
    """What to put before a command, so that it runs like that."""
    privileges = ["setpriv", "--no-new-privs"]
    if os.geteuid() == 0:
        assert words_of(unit, "CapabilityBoundingSet") == [""]
        privileges += ["--bounding-set=-all", "--inh-caps=-all"]
    return [*privileges, sys.executable, __file__, str(unit)]


if __name__ == "__main__":
    shut(Path(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
