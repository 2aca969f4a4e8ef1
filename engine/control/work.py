"""What the commands of the control socket need of the front office."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from engine.campaigns.keeper import CampaignKeeper
from engine.conductor import Conductor
from engine.control.flow_room import FlowRoom
from engine.control.lookout import Lookout
from engine.control.mail_room import MailRoom
from engine.control.registry import ChainWalk, Headcount
from engine.doctor.rounds import Doctor
from engine.domains.keeper import KeyKeeper
from engine.exchange.desk import ImportDesk
from engine.fence_watch import FenceWatch
from engine.reputation.alarms import Watcher
from engine.reputation.gathering import Gatherer
from engine.segments.keeper import SegmentKeeper
from engine.system import SystemClock


class Office(Protocol):
    """What only the front office knows and can do."""

    clock: SystemClock
    conductor: Conductor
    keeper: SegmentKeeper
    campaigns: CampaignKeeper
    doctor: Doctor
    watcher: Watcher
    key_keeper: KeyKeeper
    flows: FlowRoom
    mails: MailRoom
    fence_watch: FenceWatch
    lookout: Lookout
    path: Path  # of the configuration
    imports: ImportDesk
    headcount: Headcount
    chain: ChainWalk
    gatherer: Gatherer
    counted: dict[tuple[tuple[str, str], ...], int]  # requests to the public web since the start

    @property
    def hands(self) -> Mapping[int, Any]: ...

    @property
    def deaths(self) -> int: ...

    @property
    def store_trouble(self) -> str: ...

    def tell(self, **message: Any) -> None: ...

    async def heeded(self) -> None: ...

    def lift(self) -> None: ...

    async def move_clock(self, offset: timedelta) -> None: ...

    async def reload(self) -> None: ...
