"""An errand: something that a host sends later to the reverse-path of a mail that it accepted."""

from dataclasses import dataclass

from engine.lab.keep import Receipt
from engine.lab.moods import Aftermath


@dataclass(frozen=True, slots=True)
class Errand:
    """One mail to be written and sent, about one recipient of a kept mail."""

    kind: Aftermath
    mx: str  # the name of the host that sends it
    receipt: Receipt
    raw: bytes
    rcpt: str
    rcpt_parameters: str
    diagnosis: str  # the reply that a bounce reports
