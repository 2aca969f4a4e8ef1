"""How a client's connection begins: the greeting, EHLO, the turn to TLS, the login. No I/O.

What was learnt before TLS is forgotten, and a password is said over TLS only.
"""

from base64 import b64encode

from deliverability.reply import Reply
from mta.smtp.dialogue import NO_EXTENSIONS, Dialogue, Phase, Tls, is_2xx
from mta.smtp.extensions import Extensions
from mta.smtp.outcome import Stage
from mta.smtp.record import Record
from mta.smtp.timeouts import Timeouts
from mta.smtp.wire import ReplyReader


class Opening(Dialogue):
    """Up to the first message. `name` is what EHLO says of us; the rest of the arguments are policy.

    `refuse_own_name`: a host that greets with our name, or with what else `also` we are called, is taken for ourselves,
    and mail to it for a loop. `login`: user and password. `is_lmtp`: the other side speaks LMTP (RFC 2033). `record` is
    told all that is said.
    """

    def __init__(
        self,
        name: str,
        *,
        tls: Tls = Tls.OPPORTUNISTIC,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
        refuse_own_name: bool = True,
        also: str = "",
        login: tuple[str, str] | None = None,
        is_lmtp: bool = False,
        record: Record | None = None,
    ) -> None:
        super().__init__(Phase.TLS if tls is Tls.IMPLICIT else Phase.OPENING, timeouts, record)
        self.is_tls = False
        self._name, self._tls = name, tls
        self._login, self._is_lmtp = login, is_lmtp
        self._own_names = {name.lower(), also.lower()} - {""} if refuse_own_name else set()
        if self.phase is Phase.OPENING:
            self._await_greeting()

    def tls_started(self) -> None:
        """The handshake is made. RFC 3207 section 4.2: forget all that was learnt, and begin again with EHLO."""
        assert self.phase is Phase.TLS
        self.phase, self.is_tls = Phase.OPENING, True
        self.extensions = NO_EXTENSIONS
        self._reader = ReplyReader()
        if self._tls is Tls.IMPLICIT:
            self._await_greeting()
        else:
            self._say_ehlo()

    def _await_greeting(self) -> None:
        self._awaiting.append((Stage.GREETING, self._greeted))
        self.progress += 1

    def _greeted(self, reply: Reply) -> None:
        if not is_2xx(reply):
            # RFC 5321 section 3.1: 554 here is the host's refusal to speak. It knows no recipient yet.
            return self._refuse(reply, Stage.GREETING)
        greeted = reply.text.partition(" ")[0].lower()
        if greeted in self._own_names:
            text = f"the host greets with our own name, {greeted}: its mail would come back to us"
            return self._refuse(Reply.of(451, "4.4.6", text), Stage.GREETING, is_ours=True)
        return self._say_ehlo()

    def _say_ehlo(self) -> None:
        verb = b"LHLO" if self._is_lmtp else b"EHLO"
        self._say(b"%s %s\r\n" % (verb, self._name.encode()), Stage.EHLO, self._ehlo_answered)

    def _ehlo_answered(self, reply: Reply) -> None:
        if is_2xx(reply):
            self.extensions = Extensions.parse(reply.lines)
            self._secure()
        elif reply.is_permanent and not self._is_lmtp:  # RFC 5321 section 3.2: an old server, which knows HELO
            self._say(b"HELO %s\r\n" % self._name.encode(), Stage.EHLO, self._helo_answered)
        else:
            self._refuse(reply, Stage.EHLO)

    def _helo_answered(self, reply: Reply) -> None:
        if is_2xx(reply):
            self._secure()
        else:
            self._refuse(reply, Stage.EHLO)

    def _secure(self) -> None:
        if self.is_tls or self._tls is Tls.NEVER:
            self._log_in()
        elif self.extensions.starttls:
            self._say(b"STARTTLS\r\n", Stage.STARTTLS, self._starttls_answered)
        elif self._tls is Tls.REQUIRED:
            reply = Reply.of(451, "4.7.4", "TLS is required, and the host does not offer it")
            self._refuse(reply, Stage.STARTTLS, is_ours=True)
        else:
            self._log_in()

    def _starttls_answered(self, reply: Reply) -> None:
        if is_2xx(reply):
            self.phase = Phase.TLS
        elif self._tls is Tls.REQUIRED:
            self._refuse(reply, Stage.STARTTLS)
        else:  # RFC 3207 section 4: the session goes on as it was
            self._log_in()

    def _log_in(self) -> None:
        """RFC 4954, with the two mechanisms that every such host knows; over TLS they hide no less than others."""
        if self._login is None:
            self.phase = Phase.IDLE
            return
        user, secret = (each.encode() for each in self._login)
        mechanisms = self.extensions.auth
        if not self.is_tls:
            self._refuse_login("the password is not said in clear")
        elif "PLAIN" in mechanisms:
            self._say(b"AUTH PLAIN %s\r\n" % b64encode(b"\0%s\0%s" % (user, secret)), Stage.AUTH, self._logged_in)
        elif "LOGIN" in mechanisms:
            self._say(b"AUTH LOGIN\r\n", Stage.AUTH, lambda reply: self._asked_for(reply, [user, secret]))
        else:
            offered = " ".join(sorted(mechanisms)) or "none"
            self._refuse_login(f"we log in by PLAIN or LOGIN, and the host offers {offered}")

    def _refuse_login(self, why: str) -> None:
        self._refuse(Reply.of(451, "4.7.0", why), Stage.AUTH, is_ours=True)

    def _asked_for(self, reply: Reply, answers: list[bytes]) -> None:
        """AUTH LOGIN asks for the user, then for the password; in which words does not matter."""
        if reply.code != 334:
            return self._refuse(reply, Stage.AUTH)
        self._out.append(b64encode(answers[0]) + b"\r\n")
        follows = (lambda later: self._asked_for(later, answers[1:])) if answers[1:] else self._logged_in
        self._awaiting.append((Stage.AUTH, follows))
        self.progress += 1
        return None

    def _logged_in(self, reply: Reply) -> None:
        if is_2xx(reply):
            self.phase = Phase.IDLE
        elif reply.is_positive:
            self._condemn(f"more is asked for than a password: {reply}")
        else:
            self._refuse(reply, Stage.AUTH)
