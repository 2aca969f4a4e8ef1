"""A password check for Postfix: the server's side of Dovecot's authentication protocol, in a thread, with one user.

    with SaslServer("shop", "s3cret") as sasl:
        Postfix(..., sasl=sasl.address)

Protocol version 1 (doc.dovecot.org, "auth protocol"): lines of fields between tabs. PLAIN and LOGIN.
"""

import base64
import contextlib
import socketserver
from types import TracebackType
from typing import Self

from serving import serving


class SaslServer:
    def __init__(self, user: str, password: str) -> None:
        self.seen: list[str] = []  # mechanisms that were asked for
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.user, self._server.password, self._server.seen = user, password, self.seen
        self.address = f"inet:127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(serving(self._server))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    user: str
    password: str
    seen: list[str]


class _Session(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        self._say("VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t1\nCUID\t1\n"
                  "COOKIE\t0123456789abcdef0123456789abcdef\nDONE")  # fmt: skip
        names: dict[str, str] = {}
        for line in self.rfile:
            verb, *fields = line.decode().rstrip("\n").split("\t")
            if verb == "AUTH":
                self.server.seen.append(fields[1])
                answer = next((each[5:] for each in fields if each.startswith("resp=")), None)
                if fields[1] == "PLAIN" and answer is not None:
                    _, user, password = base64.b64decode(answer).decode().split("\0")
                    self._judge(fields[0], user, password)
                else:
                    self._say(f"CONT\t{fields[0]}\t{base64.b64encode(b'Username:').decode()}")
            elif verb == "CONT":
                text = base64.b64decode(fields[1]).decode()
                if fields[0] in names:
                    self._judge(fields[0], names.pop(fields[0]), text)
                else:
                    names[fields[0]] = text
                    self._say(f"CONT\t{fields[0]}\t{base64.b64encode(b'Password:').decode()}")

    def _judge(self, number: str, user: str, password: str) -> None:
        is_right = (user, password) == (self.server.user, self.server.password)
        self._say(f"{'OK' if is_right else 'FAIL'}\t{number}\tuser={user}")

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\n")
