"""events.md: every event that is known, out of the vocabulary."""

from typing import Final

from docs.written.parts import MARK, sentence, table
from engine.flow.vocabulary import OWN, TOLD, VOCABULARY

_ALONE: Final = ", ".join(f"`{each}.`" for each in sorted(OWN))
_BUT: Final = ", ".join(f"`{each}`" for each in sorted(TOLD))
_EVENTS: Final = f"""\
# Events

An event says that something happened in a contact's affairs. Applications tell Posthouse of theirs
([applications.md](applications.md)); flows are entered, and left, by them ([flows.md](flows.md)).

These names are known. Data of another shape is taken as it comes: a condition that asks for what is not there finds it
missing ([conditions.md](conditions.md)). Any other name of small letters, digits, `-` and `_`, joined by dots, is an
event of your own, as long as its first word is not one of these families: `order.plcaed` is refused, with the nearest
right word, and so is all that begins with `order.` and is not here.

Names that begin with {_ALONE}
are for Posthouse alone to make, since consent, engagement and segments follow from them. Of those only {_BUT} may be
told by others. Whoever tells of another, or misspells one, is refused: the HTTP interface answers 422, the control socket
400, `posthouse event` exits with 2, and a mail's header is noted as `not understood` while the mail goes on.

An event is about one thing: its **key**, which is the part of the data marked *key* unless it was told otherwise. Data is
a JSON object of at most 64 KiB, ten levels deep.

Posthouse itself makes these: `contact.created`, `contact.updated` (`fields` has what changed, by name: `name`, `tags`,
`fields.shoe_size`), `contact.tagged` and `contact.untagged` (also when an import or a flow does it, and never for a tag that
was there already), `segment.entered`, `segment.left`, `list.joined`, `list.confirmed`, `list.left`,
`list.expired`, `mail.delivered`,
`mail.deferred` (once, after `queue.delay_notice`) and `mail.bounced` (about mail that it wrote; not about mail that an
application handed over), `mail.clicked` and `mail.opened` ([tracking.md](tracking.md)), `mail.unsubscribed`,
`mail.complained`, `mail.replied` ([inbound.md](inbound.md)), `coupon.redeemed`,
the changes of products that it is told of ([catalogue.md](catalogue.md)), and
`suppression.lifted`, which is nobody's and is kept for the record. It reads `order.*`, `parcel.*`, `invoice.*` and
`reservation.*` out of mail that has them as JSON-LD or microdata.
All others come from applications, but what is Posthouse's alone and not made yet.
"""


def events() -> str:
    parts = [MARK, _EVENTS]
    family = ""
    for name, kind in VOCABULARY.items():
        if name.partition(".")[0] != family:
            family = name.partition(".")[0]
            parts.append(f"\n## {family}\n\n")
            named = {key: each for key, each in VOCABULARY.items() if key.partition(".")[0] == family}
            parts.append(table(("event", "says"), [(f"`{key}`", sentence(each.about)) for key, each in named.items()]))
            rows = [(f"`{key}`", text + (" (*key*)" if key == kind.key else "")) for key, text in kind.data.items()]
            parts.append("\n" + table(("data", "what it is"), rows))
    return "".join(parts)
