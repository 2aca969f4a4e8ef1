"""`posthouse sendmail`: hand over a mail as every program on a Unix host knows how to (sendmail(8)).

    posthouse sendmail [-t] [-i] [-f ADDRESS] [-F NAME] [-N NOTIFY] [-R FULL|HDRS] [-V ENVID] [RECIPIENT ...]

The mail comes on standard input and goes to the daemon's LMTP door. When nobody is there, or it can't be taken now, it
is left in the spool, synced, and the daemon picks it up. Both know it by one key: a connection lost after the dot
neither loses the mail nor doubles it. Exit codes are those of sysexits.h: 0 means that the mail is safe.
"""

import getpass
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from engine import spool
from engine.commands.letter import prepare
from engine.commands.lmtp import InDoubt, Put, Refusal, Unreachable, put
from engine.commands.sendmail_words import Exit, Trouble, parse
from engine.control import place
from engine.spool import Envelope
from engine.system import SystemChance


def app(argv: Sequence[str], prog_name: str = "posthouse sendmail", obj: object = None) -> NoReturn:
    """Run the command and end with its code. `obj` is what commands draw with, and this one draws nothing."""
    try:
        code: int = run(argv)
    except Trouble as trouble:
        print(f"{prog_name}: {trouble}", file=sys.stderr)
        code = trouble.code
    raise SystemExit(code)


def main() -> NoReturn:
    """As a program of its own, for /usr/sbin/sendmail to point at."""
    app(sys.argv[1:], "sendmail")


def run(argv: Sequence[str]) -> int:
    """Trouble when the mail could be neither handed over nor kept."""
    asked = parse(argv)
    try:
        door = place.local_door(asked.config)
    except place.NoPlace as err:
        raise Trouble(Exit.BAD_CONFIG, str(err)) from None
    envelope, content = prepare(asked, sys.stdin.buffer.read(), door.hostname, _user(), door.sender)
    key = SystemChance().octets(16).hex()
    try:
        return _handed_over(put(door.lmtp, key, envelope, content))
    except Refusal as refusal:
        raise Trouble(_code_of(refusal), str(refusal)) from None
    except (Unreachable, InDoubt) as err:
        return _kept(door.spool, key, envelope, content, str(err))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return f"uid{os.getuid()}"


def _handed_over(done: Put) -> int:
    for address, reply in done.refused:
        print(f"sendmail: {address}: {reply}", file=sys.stderr)
    return Exit.NO_USER if done.refused else Exit.TAKEN


def _kept(folder: Path, key: str, envelope: Envelope, content: bytes, why: str) -> int:
    try:
        spool.write(folder, key, envelope, content)
    except OSError as err:
        raise Trouble(
            Exit.TRY_LATER if err.errno not in (1, 2, 13) else Exit.CANT_CREATE,
            f"{why}; and the mail can't be kept in {folder}: {err.strerror}. It was NOT taken on",
        ) from None
    return Exit.TAKEN


def _code_of(refusal: Refusal) -> Exit:
    code = refusal.reply[4:9]
    return (
        Exit.NOT_PERMITTED if code.startswith("5.7") else Exit.BAD_DATA if code.startswith("5.6") else Exit.UNAVAILABLE
    )


if __name__ == "__main__":
    os.umask(0o077)
    main()
