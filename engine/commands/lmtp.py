"""A small client of the daemon's LMTP door (RFC 2033), for a command that starts, hands over one mail, and ends."""

import contextlib
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.spool import Envelope

PATIENCE: Final = 120.0  # seconds for each answer; a commit on a busy disk may take some


class Unreachable(Exception):
    """Nobody took the mail on, and nothing of it was: it may be kept for later."""


class InDoubt(Exception):
    """The connection was lost after the dot: whether it was taken on only its key can tell."""


class Refusal(Exception):
    """The daemon will never take this mail; `reply` says why."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Put:
    """Taken on, but for these recipients."""

    refused: list[tuple[str, str]]


def put(door: Path | None, key: str, envelope: Envelope, content: bytes) -> Put:
    """Hand a message over. Unreachable, InDoubt or Refusal."""
    if door is None:
        raise Unreachable("the daemon has no LMTP door")
    with contextlib.ExitStack() as stack:
        try:
            plain = stack.enter_context(socket.socket(socket.AF_UNIX))
            plain.settimeout(PATIENCE)
            plain.connect(str(door))
            return _Dialogue(plain).run(key, envelope, content)
        except OSError as err:  # before the dot; TimeoutError is one
            raise Unreachable(f"the daemon can't be reached at {door}: {err.strerror or err}") from None


class _Dialogue:
    def __init__(self, plain: socket.socket) -> None:
        self._socket, self._lines = plain, plain.makefile("rb")

    def run(self, key: str, envelope: Envelope, content: bytes) -> Put:
        self._need(self._answer())
        self._need(self._say("LHLO localhost"))
        self._need(self._say(f"MAIL FROM:<{envelope.sender}> XPOSTHOUSEKEY={key}{_parameters(envelope)}"))
        notify = f" NOTIFY={envelope.notify}" if envelope.notify else ""
        answers = [(each, self._say(f"RCPT TO:<{each}>{notify}")) for each in envelope.recipients]
        if late := [reply for _, reply in answers if reply.startswith("4")]:
            raise Unreachable(late[0])  # one mail is kept whole: its key stands for all its recipients
        refused = [(each, reply) for each, reply in answers if not reply.startswith("2")]
        if len(refused) == len(answers):
            raise Refusal(refused[0][1])
        self._need(self._say("DATA"), good="3")
        self._hand_over(content, len(answers) - len(refused))
        with contextlib.suppress(OSError):
            self._say("QUIT")
        return Put(refused)

    def _hand_over(self, content: bytes, recipients: int) -> None:
        stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
        end = b".\r\n" if stuffed.endswith(b"\r\n") or not stuffed else b"\r\n.\r\n"
        try:
            self._socket.sendall(stuffed + end)
            answers = [self._answer() for _ in range(recipients)]
        except OSError as err:
            raise InDoubt(f"the connection was lost after the dot: {err}") from None
        for each in answers:
            self._need(each)

    def _say(self, command: str) -> str:
        self._socket.sendall(command.encode() + b"\r\n")
        return self._answer()

    def _answer(self) -> str:
        while (line := self._lines.readline(4096))[3:4] == b"-":
            pass
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the daemon hung up")
        return line.decode("ascii", "replace").strip()

    def _need(self, reply: str, good: str = "2") -> None:
        if reply.startswith("4"):
            raise Unreachable(reply)
        if not reply.startswith(good):
            raise Refusal(reply)


def _parameters(envelope: Envelope) -> str:
    envid = "".join(each if each.isalnum() and each.isascii() else f"+{ord(each):02X}" for each in envelope.envid)
    words = (("SMTPUTF8", envelope.smtputf8), (f"RET={envelope.ret}", envelope.ret), (f"ENVID={envid}", envelope.envid))
    return "".join(f" {word}" for word, is_said in words if is_said)
