"""What the commands of the control socket need of the front office."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol

from engine.campaigns.keeper import CampaignKeeper
from engine.conductor import Conductor
from engine.doctor.rounds import Doctor
from engine.domains.keeper import KeyKeeper
from engine.fence import Fence
from engine.reputation.alarms import Watcher
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
    fence: Fence | None

    @property
    def hands(self) -> Mapping[int, Any]: ...

    def tell(self, **message: Any) -> None: ...

    def lift(self) -> None: ...

    async def move_clock(self, offset: timedelta) -> None: ...

    async def reload(self) -> None: ...
