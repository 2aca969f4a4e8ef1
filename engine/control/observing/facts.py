"""What health is judged by: what the front office knows, and what was found by looking."""

from dataclasses import replace
from datetime import datetime

from deliverability.reputation.alarms import Level
from engine.control.lookout import Looked
from engine.control.observing.health import Facts
from engine.control.work import Office
from engine.house import House


def facts(house: House, office: Office, looked: Looked | None) -> Facts:
    """What health is judged by; what was not looked at is taken to be well."""
    config, doctor, standing = house.config, office.doctor.last, office.fence_watch.standing
    said = Facts(
        now=house.clock.now(), carriers=sum(hand.is_ready for hand in office.hands.values()), configured=config.carriers,
        fence=standing.why if standing else "", store_trouble=office.store_trouble,
        keys_wrong=tuple(words for glyph, words in office.key_keeper.alerts if glyph == "!"),
        suspended=tuple(f"{scope} {name}" for scope, name in sorted(office.conductor.suspensions)),
        alarms=tuple(each.words for each in office.watcher.now_standing if each.level is Level.ALARM),
        red_rules=tuple(sorted({each.rule for each in doctor.red()})) if doctor else (),
        needs_backup=False,
    )  # fmt: skip
    if looked is None:
        return said
    return replace(
        said, disk_free=looked.machine.disk_free, flow_lag=looked.flow_lag, backup=looked.machine.backup,
        needs_backup=not config.lab.enabled, certificates=tuple(sorted(certificates(office, looked).items())),
        unread_certificates=looked.machine.unread_certificates, keys_due=tuple(sorted(looked.keys_due.items())),
        keys_unread=looked.keys_unread,
    )  # fmt: skip


def certificates(office: Office, looked: Looked) -> dict[str, datetime]:
    """By door, when what is shown there ends: to those who hand mail over, and on the web, as the doctor saw it last."""
    return office.doctor.web_ends | looked.machine.certificates
