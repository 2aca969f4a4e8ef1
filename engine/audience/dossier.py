"""All that is kept about one person: shown (GDPR articles 15 and 20), made one with another, erased (article 17)."""

import json
from datetime import datetime
from typing import Any, Final

from deliverability.address import Address
from engine.acts import keeping
from engine.acts.telling import key as acts_key
from engine.audience import batches, consent, engagement, figures, former, membership, repeats, suppression, tags
from engine.audience.contacts import contact_facts, note_event
from mta.ports import Tx, from_ms, to_ms

FORMAT: Final = "posthouse personal export 1"
EVENTS_MAX: Final = 100_000


def export(tx: Tx, contact_id: int) -> dict[str, Any]:
    """Everything about a contact, as plain data with times in ISO 8601. UnknownContact when there is none."""
    facts = contact_facts(tx, contact_id)
    key = Address.parse(facts["address"]).key
    return {
        "format": FORMAT,
        "contact": facts,
        "subscriptions": subscriptions(tx, contact_id),
        "preferences": _rows(tx, ("pace",), "SELECT pace FROM preference WHERE contact_id = ?", contact_id),
        "typed": _rows(
            tx, ("list", "at", "fields"),
            "SELECT l.name, a.at_ms, a.fields FROM form_answer a JOIN list l ON l.id = a.list_id WHERE a.contact_id = ?",
            contact_id,
        ),
        "recommendations": _rows(
            tx, ("at", "counted"),
            "SELECT at_ms, counted_ms FROM referral WHERE friend_id = ? OR referrer_id = ? ORDER BY at_ms", contact_id,
            contact_id,
        ),
        "coupons": _rows(
            tx, ("pool", "code", "given", "expires", "redeemed", "order"),
            "SELECT pool, code, given_ms, expires_ms, redeemed_ms, order_number FROM coupon WHERE contact_id = ?"
            " AND state <> 'reserved' ORDER BY id", contact_id,
        ),
        "parcels": _rows(
            tx, ("number", "state", "at"),
            "SELECT key, state, changed_ms FROM parcel WHERE contact_id = ? ORDER BY changed_ms", contact_id,
        ),
        "segments": _rows(
            tx, ("segment", "since"),
            "SELECT s.name, m.since_ms FROM segment_member m JOIN segment s ON s.id = m.segment_id"
            " WHERE m.contact_id = ? ORDER BY s.name", contact_id,
        ),
        "consent": [
            {"entry": each.link.seq, "at": _iso(each.link.at_ms), "act": each.link.act, **each.told}
            for each in consent.history(tx, contact_id)
        ],
        "imports": [
            {"entry": each.entry.link.seq, "at": _iso(each.entry.link.at_ms), **each.told}
            for each in batches.history(tx, contact_id)
        ],
        "suppression": suppression.about(tx, key),
        "acts": _rows(
            tx, ("at", "what", "done"), "SELECT at_ms, path, done FROM act WHERE about = ? ORDER BY id", acts_key(key)
        ),
        "mails": _rows(
            tx, ("message", "at", "subject", "flow", "step", "campaign"),
            "SELECT m.id, m.received_ms, m.subject, s.flow, CASE WHEN s.run_id IS NULL THEN s.step ELSE '' END,"
            " COALESCE(g.name, '') FROM sending s JOIN message m ON m.id = s.message_id"
            " LEFT JOIN campaign g ON g.id = s.campaign_id WHERE s.contact_id = ? ORDER BY m.id", contact_id,
        ),
        "campaigns": _rows(
            tx, ("campaign", "run", "state", "reason", "variant", "at", "opened", "clicked", "ordered"),
            "SELECT g.name, r.run_id, r.state, r.reason, r.variant, r.at_ms, r.opened_ms, r.clicked_ms, r.ordered_ms"
            " FROM campaign_run u JOIN campaign g ON g.id = u.campaign_id JOIN campaign_recipient r ON r.run_id = u.id"
            " WHERE r.contact_id = ? ORDER BY r.run_id", contact_id,
        ),
        "events": [
            {"name": name, "at": _iso(at_ms), "key": about, "source": source, "data": json.loads(data)}
            for name, at_ms, about, source, data in tx.query(
                "SELECT name, at_ms, key, source, data FROM event WHERE contact_id = ? ORDER BY id LIMIT ?",
                (contact_id, EVENTS_MAX),
            )
        ],
        "flows": _rows(
            tx, ("flow", "step", "state", "entered", "ended", "how"),
            "SELECT f.name, e.step, e.state, e.entered_ms, e.ended_ms, e.ended_how FROM enrolment e"
            " JOIN flow f ON f.id = e.flow_id WHERE e.contact_id = ? ORDER BY e.id", contact_id,
        ),
    }  # fmt: skip


def subscriptions(tx: Tx, contact_id: int) -> list[dict[str, Any]]:
    """Where a contact stands with each list: state, source, when asked, reminded, confirmed, ended and why."""
    return _rows(
        tx, ("list", "state", "source", "asked", "expires", "reminded", "confirmed", "ended", "why"),
        "SELECT l.name, s.state, s.source, s.asked_ms, s.expires_ms, s.reminded_ms, s.confirmed_ms, s.ended_ms, s.why"
        " FROM subscription s JOIN list l ON l.id = s.list_id WHERE s.contact_id = ? ORDER BY l.name", contact_id,
    )  # fmt: skip


_TIMES: Final = frozenset(
    {
        "since",
        "at",
        "asked",
        "expires",
        "reminded",
        "confirmed",
        "counted",
        "ended",
        "entered",
        "given",
        "redeemed",
        "opened",
        "clicked",
        "ordered",
    }
)


def _rows(tx: Tx, names: tuple[str, ...], sql: str, *params: Any) -> list[dict[str, Any]]:
    return [
        {name: _iso(value) if name in _TIMES else value for name, value in zip(names, row, strict=True)}
        for row in tx.query(sql, params)
    ]


def _iso(at_ms: int | None) -> str | None:
    return None if at_ms is None else from_ms(at_ms).isoformat()


def merge(tx: Tx, source_id: int, target_id: int, *, by: str, now: datetime) -> None:
    """Make two contacts one: what happened to `source_id`, its orders, tags and fields are `target_id`'s from now on.

    Subscriptions do not pass over, and no mail rests on the source's consent any more: a yes was said for one mailbox. Its
    record is kept with the target, and goes with it; a no stays said for that mailbox (engine.audience.former). What the
    target knows stays; its empty places are filled.
    UnknownContact when one of them is none.
    """
    source, target = contact_facts(tx, source_id), contact_facts(tx, target_id)
    tags.pin(tx, target_id, source["tags"], now)
    row = tx.one(
        "SELECT orders, spent, first_order_ms, last_order_ms, external_id FROM contact WHERE id = ?", (source_id,)
    )
    assert row is not None
    tx.execute("UPDATE contact SET external_id = NULL WHERE id = ?", (source_id,))
    filled = {name: target[name] or source[name] for name in ("name", "locale", "zone", "birthday", "source")}
    fields = json.dumps(source["fields"] | target["fields"], ensure_ascii=False, sort_keys=True)
    tx.execute(
        "UPDATE contact SET name = ?, locale = ?, zone = ?, birthday = ?, source = ?, fields = ?,"
        " external_id = COALESCE(external_id, ?), orders = orders + ?, spent = spent + ?,"
        " first_order_ms = CASE WHEN first_order_ms <= ? THEN first_order_ms ELSE COALESCE(?, first_order_ms) END,"
        " last_order_ms = CASE WHEN last_order_ms >= ? THEN last_order_ms ELSE COALESCE(?, last_order_ms) END WHERE id = ?",
        (*filled.values(), fields, row[4], row[0], row[1], row[2], row[2], row[3], row[3], target_id),
    )
    engagement.merge(tx, source_id, target_id)
    tx.execute("UPDATE event SET contact_id = ? WHERE contact_id = ?", (target_id, source_id))
    for table in ("sending", "coupon", "parcel", "mailed", "held_mail"):
        tx.execute(f"UPDATE {table} SET contact_id = ? WHERE contact_id = ?", (target_id, source_id))
    _end_runs(tx, source_id, now)
    tx.execute("UPDATE enrolment SET contact_id = ? WHERE contact_id = ?", (target_id, source_id))
    consent.inherit(tx, source_id, target_id)
    batches.inherit(tx, source_id, target_id)
    membership.forget(tx, source_id)
    former.keep_refusals(tx, source_id, Address.parse(source["address"]).key, now)
    with figures.kept(tx, [source_id], ()):
        tx.execute("DELETE FROM subscription WHERE contact_id = ?", (source_id,))
    tx.execute(
        "UPDATE referral SET referrer_id = ? WHERE referrer_id = ? AND friend_id <> ?",
        (target_id, source_id, target_id),
    )
    tx.execute("DELETE FROM referral WHERE friend_id = ? OR referrer_id = ?", (source_id, source_id))
    for table in ("form_answer", "preference"):
        tx.execute(f"DELETE FROM {table} WHERE contact_id = ?", (source_id,))
    tx.execute("DELETE FROM tag WHERE contact_id = ?", (source_id,))
    tx.execute("DELETE FROM contact WHERE id = ?", (source_id,))
    former.note_merged(tx, source_id, source["address"], target_id)
    note_event(tx, "contact.merged", target_id, {"from": source["address"], "by": by}, now)


def mailboxes(tx: Tx, contact_id: int) -> list[Address]:
    """A contact's address, and those of contacts that were merged into it."""
    rows = tx.query(
        "SELECT data FROM event WHERE contact_id = ? AND name = 'contact.merged' ORDER BY id", (contact_id,)
    )
    merged = [str(json.loads(data).get("from", "")) for (data,) in rows]
    return [Address.parse(each) for each in (contact_facts(tx, contact_id)["address"], *merged) if each]


def erase(tx: Tx, contact_id: int, key: str, *, salt: bytes, now: datetime) -> None:
    """Forget a contact. What remains is a salted hash of the address, and of those that were merged into it, so that no
    import writes to them again; and the chain of consent, in which its entries say only that something happened. `salt`:
    as for `suppression.erase`."""
    keys = {key, *(each.key for each in mailboxes(tx, contact_id))}
    consent.forget(tx, contact_id)
    batches.forget(tx, contact_id)
    _end_runs(tx, contact_id, now)
    tx.execute(
        "UPDATE passage SET detail = '{}' WHERE enrolment_id IN (SELECT id FROM enrolment WHERE contact_id = ?)",
        (contact_id,),
    )
    tx.execute(
        "UPDATE enrolment SET data = '{}', run_key = '', standing = '{}', contact_id = 0 WHERE contact_id = ?",
        (contact_id,),
    )
    membership.forget(tx, contact_id)
    with figures.kept(tx, [contact_id], ()):
        tx.execute("DELETE FROM subscription WHERE contact_id = ?", (contact_id,))
    for table in ("form_answer", "preference", "tag", "sending", "mailed", "held_mail", "event", "hook_call"):
        tx.execute(f"DELETE FROM {table} WHERE contact_id = ?", (contact_id,))
    tx.execute("DELETE FROM referral WHERE friend_id = ? OR referrer_id = ?", (contact_id, contact_id))
    tx.execute("UPDATE coupon SET contact_id = NULL, key = '', order_number = '' WHERE contact_id = ?", (contact_id,))
    tx.execute("DELETE FROM parcel WHERE contact_id = ?", (contact_id,))
    tx.execute("DELETE FROM contact WHERE id = ?", (contact_id,))
    former.note_erased(tx, contact_id)
    keeping.forget(tx, sorted(keys))
    for each in sorted(keys):
        suppression.erase(tx, each, salt=salt, now=now)
        repeats.forget(tx, each)


def _end_runs(tx: Tx, contact_id: int, now: datetime) -> None:
    tx.execute(
        "UPDATE enrolment SET state = 'ended', due_ms = NULL, ended_ms = ?, ended_how = 'gone', revision = revision + 1"
        " WHERE contact_id = ? AND state = 'waiting'",
        (to_ms(now), contact_id),
    )
