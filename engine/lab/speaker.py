"""How a host speaks: ordinary replies, refusals, and the moods that take a stage over."""

import re
from collections.abc import Sequence
from datetime import timedelta
from enum import Enum, auto
from typing import Final

from engine.lab.keep import Refusal
from engine.lab.moods import Act, Stage
from engine.lab.reception import Meeting, Rcpt, Reception

_FILLED_IN: Final = re.compile(r"\{(host|client|sender|rcpt|domain|id)\}")


class Next(Enum):
    """What the socket loop does when it has sent the output."""

    READ = auto()
    STALL = auto()  # obey no more, keep the connection
    CHOKE = auto()  # read no more either: the client's writes fill up
    CLOSE = auto()
    DROP = auto()  # reset the connection; send nothing more
    START_TLS = auto()
    SPOIL_TLS = auto()  # answer the handshake with noise


class Speaker:
    """One host's side of one session: what it says and what it does next."""

    def __init__(self, reception: Reception, client: str, number: int) -> None:
        self.output = bytearray()
        self.next = Next.READ
        self.delay = timedelta(0)  # to wait before `output` goes out
        self.reception = reception
        self.host = reception.host
        self.client = client
        self.number = number
        self.mails = 0  # begun in this session

    def say(self, reply: str) -> None:
        """Reply with these lines, parted by "\n"."""
        self.output += reply.replace("\n", "\r\n").encode() + b"\r\n"

    def refuse(self, reply: str, sender: str = "", rcpt: str = "") -> None:
        """Refuse by the protocol's rules."""
        self.say(reply)
        self._note_refusal(reply, "protocol", sender, rcpt)

    def is_taken_over(self, stage: Stage, sender: str = "", rcpts: Sequence[Rcpt] = ()) -> bool:
        """Whether a mood took this stage over; then all was done and the ordinary reply is not due."""
        meeting = self.meet(stage, sender, rcpts)
        if meeting.mood is not None:
            self.act(meeting, stage, sender)
        return meeting.mood is not None

    def meet(self, stage: Stage, sender: str, rcpts: Sequence[Rcpt]) -> Meeting:
        """Ask the moods, and take their delay."""
        meeting = self.reception.meet(stage, self.client, self.mails, sender, rcpts)
        self.delay += meeting.delay
        return meeting

    def act(self, meeting: Meeting, stage: Stage, sender: str) -> None:
        """Do what the mood does that took a stage over."""
        assert meeting.mood is not None
        said: str = meeting.mood.act
        if meeting.mood.act is Act.REPLY:
            said = self.fill_in(meeting.mood.reply, sender, meeting.rcpt)
            self.say(said)
        elif meeting.mood.act is Act.DROP:
            self.next = Next.DROP
        else:
            self.next = Next.CHOKE if stage is Stage.BODY else Next.STALL
        if said.startswith("421"):  # RFC 5321 section 3.8: and then it hangs up
            self.next = Next.CLOSE
        if not said.startswith("2"):
            self._note_refusal(said, stage, sender, meeting.rcpt)

    def fill_in(self, template: str, sender: str, rcpt: str) -> str:
        """A reply's template with its names in braces replaced. No other brace means anything."""
        values = {
            "host": self.host.mx,
            "client": self.client,
            "sender": sender,
            "rcpt": rcpt,
            "domain": rcpt.rpartition("@")[2],
            "id": f"{self.number:06X}{self.mails:04X}",
        }
        return _FILLED_IN.sub(lambda match: values[match[1]], template)

    def _note_refusal(self, reply: str, stage: str, sender: str, rcpt: str) -> None:
        now_ms = self.reception.now_ms()
        refusal = Refusal(now_ms, self.host.name, self.client, self.number, stage, sender, rcpt, reply)
        self.reception.refuse(refusal)
