"""Conversations: a session of ours talks to lines of a script, with no socket and no clock.

    talk("S: 220 mx", "C: EHLO out.example", "S: 250 mx", ...)

"S:" is what the server says, "C:" what we must have said, line by line. Between the lines:

    S: (hangs up)        the stream ends             S: (silence)     patience is over
    C: (TLS)             the handshake is made       C: (the message) permission is given: content and dot leave
    C: (no permission)   the dot is withheld         C: (next message) another transaction begins
    C: (leaves)          quit is asked for           C: (nothing)     we have nothing to say
"""

from dataclasses import replace
from typing import Any

from mta.outbound.outcome import Outgoing
from mta.queue.delivery import Stream
from mta.smtp.client import ClientSession
from mta.smtp.wire import wire_body

CONTENT = b"Subject: hi\r\n\r\nhello\r\n"
MAIL = Outgoing(
    delivery_id=41,
    message_id=7,
    reverse_path="b+41c9@out.example",
    forward_path="ann@example.org",
    content=CONTENT,
    size=len(CONTENT),
    needs_utf8=False,
    has_8bit=False,
    domain="example.org",
    stream=Stream.TRANSACTIONAL,
)


def mail(**changes: Any) -> Outgoing:
    """The message of every conversation, with what a test wants different."""
    content = changes.get("content", CONTENT)
    return replace(MAIL, **{"size": len(content), **changes})


def talk(*lines: str, outgoing: Outgoing = MAIL, **policy: Any) -> ClientSession:
    """Hold the conversation; the session as it is at its end. The message is offered once the session is ready.

    We may say no more than the script has before the server speaks again; what is said last is left to look at.
    """
    return _Chat(outgoing, policy).hold(lines)


class _Chat:
    def __init__(self, outgoing: Outgoing, policy: dict[str, Any]) -> None:
        self.session = ClientSession("out.example", **policy)
        self._outgoing = outgoing
        self._offered = False
        self._said = b""

    def hold(self, lines: tuple[str, ...]) -> ClientSession:
        for line in lines:
            who, _, what = line.partition(": ")
            assert who in ("S", "C"), f"who says {line!r}?"
            (self._server if who == "S" else self._client)(what)
            self._offer()
        assert not self._said, f"we also said {self._said!r}"
        return self.session

    def _offer(self) -> None:
        if self.session.is_ready and not self._offered:
            self._offered = True
            self.session.begin(self._outgoing)

    def _server(self, what: str) -> None:
        self._expect(b"")
        match what:
            case "(hangs up)":
                self.session.receive(b"")
            case "(silence)":
                self.session.lost(f"no answer within {self.session.patience:g} s")
            case _:
                self.session.receive(what.encode("utf-8", "surrogateescape") + b"\r\n")

    def _client(self, what: str) -> None:
        match what:
            case "(TLS)":
                self.session.tls_started()
            case "(no permission)":
                self.session.withhold_dot()
            case "(next message)":
                self.session.begin(self._outgoing)
            case "(leaves)":
                self.session.quit()
            case "(nothing)":
                self._expect(b"")
            case "(the message)":
                self.session.release_dot()
                self._expect(wire_body(self._outgoing.content))
            case _:
                self._expect(what.encode() + b"\r\n")

    def _expect(self, octets: bytes) -> None:
        self._said += self.session.bytes_to_send()
        if not octets:
            assert not self._said, f"we said {self._said!r}"
        assert self._said.startswith(octets), f"we said {self._said!r}, not {octets!r}"
        self._said = self._said[len(octets) :]
