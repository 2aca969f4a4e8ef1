"""A share: what one carrier may do to one site until it is told otherwise. It crosses the link as JSON."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Share:
    """A carrier's part of a site's limits. The default allows nothing: so begins a lane that was not answered yet."""

    slots: int = 0  # connections at once
    per_connection: int = 1  # deliveries on one connection
    recipients: int | None = None  # of one message in one transaction; None: as many as settings say
    rate: float | None = None  # attempts a second; None: not paced
    burst: float = 1.0  # attempts that may come at once, the reserve included
    reserve: float = 0.0  # of the burst: left to transactional mail
    connection_rate: float | None = None  # new connections a second
    upto: int | None = None  # attempts in all, counted from the lane's beginning; None: not counted
    bulk_upto: int | None = None  # the same for what is not transactional
    paused_ms: int = 0  # nothing until then
    is_blocked: bool = False  # and it is our address that is refused: another source may get through meanwhile
    by_demand: bool = False  # it depends on who has something to carry: say so soon
    version: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Report:
    """What a carrier says of one site. `spent` counts attempts from the lane's beginning; `delivered` and
    `refused` (put off or refused by the site itself) since the last report; `version` is that of the share it goes by."""

    site: str
    hosts: tuple[str, ...] = ()  # names of the MX set
    spent: int = 0
    delivered: int = 0
    open: int = 0
    waiting: int = 0
    version: int = 0
    complaints: tuple[tuple[str, str, float, str, str], ...] = ()  # class, blame, weight, rule, reply
    session: int = 0  # deliveries after which the site said that a session had enough
    refused: int = 0
    recipients: int = 0  # taken in a transaction that had too many

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, said: dict[str, Any]) -> "Report":
        complaints = tuple(tuple(each) for each in said.pop("complaints", ()))
        return cls(**{**said, "hosts": tuple(said.get("hosts", ())), "complaints": complaints})
