"""Consent becomes a chain of entries with the facts beside it. What was recorded before is its beginning."""

import hashlib
import json

from peewee import BigIntegerField, IntegerField, Model, TextField

from engine.system import SystemChance


class ConsentEntry(Model):
    seq = IntegerField(primary_key=True)
    at_ms = BigIntegerField()
    act = TextField()
    commitment = TextField()
    previous = TextField()
    hash = TextField()

    class Meta:
        table_name = "consent_entry"


class ConsentFact(Model):
    seq = IntegerField(primary_key=True)
    contact_id = IntegerField(index=True)
    list_id = IntegerField()
    act = TextField()
    message_id = IntegerField(null=True, index=True)
    at_ms = BigIntegerField()
    salt = TextField()
    facts = TextField()

    class Meta:
        table_name = "consent_fact"


TABLES = (ConsentEntry, ConsentFact)

_OLD = (
    "SELECT s.contact_id, s.list_id, s.act, s.wording, s.locale, s.source, s.ip, s.agent, s.message_id, s.at_ms,"
    " COALESCE(c.address, ''), COALESCE(l.name, ''), COALESCE(l.purpose, '')"
    " FROM consent s LEFT JOIN contact c ON c.id = s.contact_id LEFT JOIN list l ON l.id = s.list_id ORDER BY s.id"
)


def up(migrator, db):
    chance = SystemChance()
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES)
        previous = "0" * 64
        for seq, row in enumerate(db.execute_sql(_OLD).fetchall(), 1):
            contact_id, list_id, act, wording, locale, source, ip, agent, message_id, at_ms, *about = row
            facts = _canonical({
                "address": about[0], "list": about[1], "purpose": about[2], "wording": wording, "locale": locale,
                "source": source, "ip": ip, "agent": agent,
            })  # fmt: skip
            salt = chance.octets(32)
            said = {
                "seq": seq, "at": at_ms, "act": act, "commitment": hashlib.sha256(salt + facts).hexdigest(),
                "previous": previous,
            }  # fmt: skip
            made = hashlib.sha256(_canonical(said)).hexdigest()
            ConsentEntry.insert(
                seq=seq, at_ms=at_ms, act=act, commitment=said["commitment"], previous=previous, hash=made
            ).execute()
            ConsentFact.insert(
                seq=seq, contact_id=contact_id, list_id=list_id, act=act, message_id=message_id, at_ms=at_ms,
                salt=salt.hex(), facts=facts.decode(),
            ).execute()  # fmt: skip
            previous = made
    db.execute_sql("DROP TABLE consent")


def _canonical(values):
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
