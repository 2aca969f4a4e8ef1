"""1 Post, and what concerns the whole house: what the canned daemon says of it."""

from collections.abc import Mapping

from canned.flows import FLOW_ROWS
from canned.queue import SITES
from canned_day import HOUR, MIN, NOW
from scene import Scene

from engine.control.protocol.acts import Done
from engine.control.protocol.house import Alert, CarrierRow, Line, Operator, Overview
from tui.themes import CLEAR


def overview() -> Overview:
    minutes = [(n * n * 7 + n * 13) % 97 + (40 if n > 40 else 0) for n in range(60)]
    minutes[8:15] = [0] * 7
    return Overview(
        host="mail.shop.example",
        version="0.1.0",
        now_ms=NOW,
        lab=True,
        lab_offset_s=7200,
        queued=1342,
        in_flight=24,
        in_doubt=1,
        held=12,
        accepted_today=12_431,
        delivered_today=12_010,
        deferred_today=311,
        bounced_today=42,
        contacts=41_204,
        confirmed=38_001,
        unconfirmed=210,
        suppressed=122,
        events_today=1_204,
        delivered_minutes=tuple(minutes),
        delivered_hours=tuple((n * n * 37 + n * 11) % 900 + (300 if n > 14 else 0) for n in range(24)),
        deferred_hours=tuple((n * 13) % 31 if n > 18 else 0 for n in range(24)),
        bounced_hours=tuple((n * 7) % 5 for n in range(24)),
        carriers=(CarrierRow("carrier-1", 4211, 6000, 12, 2048), CarrierRow("carrier-2", 4212, 6010, 12, 2048)),
        sites=SITES,
        flows=FLOW_ROWS,
        alerts=(
            Alert(
                "!", "gmail.com has deferred everything for 14 min: 421-4.7.28 rate", "site gmail.com", "gmail.com #"
            ),
            Alert("?", "1 delivery is in doubt at mx.seznam.example: its answer was never recorded", key="doubt"),
            Alert(
                "!",
                "a rule fails: spf.alignment; `posthouse doctor` says what to mend",
                "mode domains",
                "doctor",
                "李雷",
                NOW - 40 * MIN,
            ),
        ),
        operators=(Operator("dana", NOW - 3 * HOUR), Operator("李雷", NOW - 12 * MIN)),
        journal=(
            Line(NOW - 1_000, "delivered", "reader3@bücher.example  250 2.0.0 Ok: queued as 9F21C", 4714),
            Line(NOW - 2_000, "deferred", "reader2@gmail.com  421 4.7.28 try again later", 4713),
            Line(NOW - 9_000, "cart.updated", "dana@example.org  84.00 EUR", 4718),
            Line(NOW - 9_000, "trigger", "abandoned-cart · start · entered"),
            Line(NOW - 61_000, "bounced", "reader4@gmail.com  550 5.1.1 no such user", 4715),
            Line(NOW - 64_000, "suppressed", "reader4@gmail.com  hard bounce"),
            Line(NOW - 90_000, "consent confirmed", "דנה@דואר.example"),
            Line(NOW - 120_000, "in doubt", "reader5@mx.seznam.example  the dot was sent, no answer", 4716),
            Line(NOW - 130_000, "accepted", "1 message, 2 deliveries, from [127.0.0.1] \x1b[5m[/x]", 4717),
            Line(NOW - 30 * HOUR, "delivered", "reader9@gmail.com  250 2.0.0 Ok", 4720),
        ),
    )


def _hello(query: Mapping[str, str], words: Mapping[str, str]) -> object:
    return Done("posthoused 0.1.0", {"version": 1})


def _advance(body: Mapping[str, object]) -> object:
    return Done(f"the lab's clock is {body['seconds']} s further", dict(body))


def _seen(body: Mapping[str, object]) -> object:
    return Done(f"seen by {body['by']}", {"act": 12, "undo": {"path": "alerts/unacknowledge", "body": {}}})


ANSWERS = {"/v1/hello": _hello}
ACTS = {"lab/advance": _advance, "alerts/acknowledge": _seen}
SCENES = (
    Scene("post", (), "Sends today"),
    Scene("alert", ("j", "enter"), "nobody said so yet"),
    Scene("post-clear", (), "Sends today", CLEAR),
    Scene("help", ("question_mark",), "What has the focus"),
    Scene("palette", ("ctrl+p",), "what waits, where"),
)
