"""What can be done to deliveries and to where they go, from any screen that shows some: the same verbs everywhere.

A screen says which deliveries a key is about (`chosen`) and which site, domain, stream or campaign (`place`); a str in
their stead says why there is none.
"""

from collections.abc import Mapping
from shlex import quote
from typing import Final

from engine.control.client import ControlError, part
from engine.control.protocol.shaping import SiteShaping
from tui.filters import options
from tui.screens.house import HouseScreen
from tui.verbs import Field, Intent, Ladder, Verb

AT_ONCE_MAX: Final = 20  # deliveries by their numbers that are held or released without a dry run
WHY: Final = Field("why", "Why", required=True, hint="it is kept with your name")


class Which:
    """Deliveries that a verb is about: by number, or by the words of a filter."""

    def __init__(self, told: str, numbers: tuple[int, ...] = (), words: Mapping[str, str | int] | None = None) -> None:
        self.told, self.numbers, self.words = told, numbers, dict(words or {})

    @property
    def body(self) -> dict[str, object]:
        return {"deliveries": list(self.numbers)} if self.numbers else dict(self.words)

    @property
    def typed(self) -> str:
        return " ".join(map(str, self.numbers)) if self.numbers else options(self.words)

    @property
    def is_bulk(self) -> bool:
        return not self.numbers or len(self.numbers) > AT_ONCE_MAX


DELIVERY_VERBS: Final = (
    Verb("T", "queue.try", "try now", "try_now"),
    Verb("H", "queue.hold", "hold", "hold"),
    Verb("R", "queue.release", "release", "release"),
    Verb("X", "queue.cancel", "cancel", "cancel"),
    Verb("D", "queue.divert", "divert", "divert"),
)
SITE_VERBS: Final = (
    Verb("L", "queue.limit", "limit", "limit"),
    Verb("S", "queue.suspend", "suspend", "suspend"),
    Verb("O", "queue.on", "let go on", "let_go_on"),
)


class ActingScreen(HouseScreen):
    """Subclasses say `chosen` and `place`."""

    def chosen(self) -> Which | str:
        """The deliveries that a key is about, or why there are none."""
        return "no delivery is under the cursor"

    def place(self) -> tuple[str, str] | str:
        """The scope (site, domain, stream, campaign) and its name, or why there is none."""
        return "no site is under the cursor"

    # Deliveries.

    def try_now(self) -> Intent | str:
        which = self.chosen()
        if isinstance(which, str):
            return which
        if which.numbers:
            typed = " ".join(f"--delivery {each}" for each in which.numbers)
            ladder = Ladder.AT_ONCE if len(which.numbers) <= AT_ONCE_MAX else Ladder.TYPED
            return Intent(
                f"Try {which.told} now", "queue/retry", which.body, f"posthouse queue retry {typed}", ladder,
                typed=str(len(which.numbers)),
            )  # fmt: skip
        where = self.place()
        if isinstance(where, str) or where[0] not in ("site", "domain"):
            return "single deliveries, a site or a domain can be tried now"
        return Intent(
            f"Try {where[1]} now", "queue/retry", {"site": where[1]}, f"posthouse queue retry {quote(where[1])}"
        )

    def hold(self) -> Intent | str:
        return self._simple("hold", "Hold")

    def release(self) -> Intent | str:
        return self._simple("release", "Release")

    def _simple(self, act: str, verb: str) -> Intent | str:
        which = self.chosen()
        if isinstance(which, str):
            return which
        ladder = Ladder.DRY_RUN if which.is_bulk else Ladder.AT_ONCE
        return Intent(
            f"{verb} {which.told}", f"queue/{act}", which.body, f"posthouse queue {act} {which.typed}", ladder
        )

    def cancel(self) -> Intent | str:
        which = self.chosen()
        if isinstance(which, str):
            return which
        grace = Field("grace", "Grace", "60s", hint="held for so long first: u has them back")
        return Intent(
            f"Cancel {which.told}", "queue/cancel", which.body,
            f"posthouse queue cancel {which.typed} --why {{why}} --grace {{grace}}", Ladder.DRY_RUN, (WHY, grace),
        )  # fmt: skip

    def divert(self) -> Intent | str:
        which = self.chosen()
        if isinstance(which, str):
            return which
        to = Field("to", "Next hop", required=True, hint="a host, or host:port")
        return Intent(
            f"Divert {which.told}", "queue/redirect", which.body,
            f"posthouse queue redirect {which.typed} --to {{to}} --why {{why}}", Ladder.DRY_RUN, (to, WHY),
        )  # fmt: skip

    # Where they go.

    async def limit(self) -> Intent | str:
        where = self.place()
        if isinstance(where, str):
            return where
        scope, name = where
        if scope not in ("site", "domain"):
            return f"a {scope} can be suspended; a pace is a site's"
        half = await self._half_of_what_it_takes(name)
        pace = Field("per_minute", "Attempts a minute", half, required=True, hint="from each source, at most")
        return Intent(
            f"Limit {name}", "shaping/slow", {"name": name},
            f"posthouse shaping slow {quote(name)} --per-minute {{per_minute}} --for {{for}} --why {{why}}",
            fields=(WHY, pace, Field("for", "For", "1h")),
        )  # fmt: skip

    async def _half_of_what_it_takes(self, name: str) -> str:
        try:
            found = await self.session.ask(SiteShaping, f"/v1/shaping/{part(name)}")
        except ControlError:  # nothing was sent there since the start
            return "30"
        return str(max(1, round(found.taken_per_minute / 2)) if found.taken_per_minute else 30)

    def suspend(self) -> Intent | str:
        where = self.place()
        if isinstance(where, str):
            return where
        scope, name = where
        option = "" if scope == "site" else f" --{scope}"
        return Intent(
            f"Suspend {scope} {name}", "shaping/suspend", {"scope": scope, "name": name},
            f"posthouse shaping suspend {quote(name)}{option} --for {{for}} --why {{why}}",
            fields=(WHY, Field("for", "For", "1h")),
        )  # fmt: skip

    def let_go_on(self) -> Intent | str:
        where = self.place()
        if isinstance(where, str):
            return where
        scope, name = where
        option = "" if scope == "site" else f" --{scope}"
        return Intent(
            f"Let {scope} {name} go on", "shaping/resume", {"scope": scope, "name": name},
            f"posthouse shaping resume {quote(name)}{option}",
        )  # fmt: skip
