"""Where Posthouse listens: every socket opened once, or taken from systemd, which then keeps it and removes it."""

import socket
from typing import Final

from engine.config import Config
from engine.sockets import handed_over, listen, listen_unix

ANYBODY: Final = 0o666  # who may knock at a door that asks the kernel who knocks


class Listening:
    """The sockets by who serves them. CannotListen when one can't be had."""

    def __init__(self, settings: Config) -> None:
        """Opens all but the control socket: that one says that somebody is in."""
        self._given = handed_over()
        self._control_path, self._lmtp_path = settings.socket_path, settings.lmtp_path
        self.doors = {  # the carriers'
            "submission": self._at("submission", "submission.listen", settings.submission.listen),
            "submissions": self._at("submissions", "submission.listen_tls", settings.submission.listen_tls),
            "inbound": self._at("inbound", "inbound.listen", settings.inbound.listen),
            "inbound-lmtp": self._at("inbound-lmtp", "inbound.listen_lmtp", settings.inbound.listen_lmtp),
            "lmtp": self._given.get("lmtp") or self._own_lmtp(),
        }
        self.pages = self._at("web", "web.listen", settings.web.listen)
        self.figures = self._at("metrics", "metrics.listen", settings.metrics.listen)

    @property
    def not_carriers(self) -> tuple[socket.socket, ...]:
        """What only the front office serves: a carrier that outlives it must not hold these addresses."""
        return (*self.pages, *self.figures, *self._given.get("control", []))

    def control(self) -> list[socket.socket]:
        """The control socket, opened now if nobody gave it."""
        return self._given.get("control") or [listen_unix(self._control_path)]

    def remove_own(self) -> None:
        """Take away the files of the sockets that we opened ourselves."""
        for name, path in (("control", self._control_path), ("lmtp", self._lmtp_path)):
            if path and name not in self._given:
                path.unlink(missing_ok=True)

    def _at(self, name: str, setting: str, endpoints: tuple[str, ...]) -> list[socket.socket]:
        return self._given.get(name) or [listen(each, setting) for each in endpoints]

    def _own_lmtp(self) -> list[socket.socket]:
        return [listen_unix(self._lmtp_path, "lmtp.socket", ANYBODY)] if self._lmtp_path else []
