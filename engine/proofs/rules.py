"""What a lint finds in one proof of a mail: each rule is a function from a proof to findings, with a word of its own."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from engine.proofs.active import ELEMENTS, is_program, parts_of, unseen
from engine.proofs.active import active as programs
from engine.proofs.page import Page, read_page
from engine.proofs.proving import Proof
from engine.proofs.samples import Reader
from engine.proofs.styles import taken
from engine.proofs.support import lacking
from engine.sending.colours import AA, AA_LARGE, contrast
from engine.sending.direction import FSI, PDI
from engine.sending.widths import width
from mta.queue.delivery import Stream

CLIPPED: Final = 102 * 1024
"""Gmail shows so many octets of a mail's HTML, and a link to the rest."""
SIZE_MAX: Final = 100_000  # octets of HTML: a little is left for what relays and trackers add
SUBJECT_MAX: Final = 78  # characters; phones show 30 to 40 of them
LONG_TEXT: Final = 500  # characters of words beside which pictures are no matter
_PER_PICTURE: Final = 100  # places of words that each picture should have beside it
_LARGE: Final = (24.0, 18.66)  # pixels from which text is large, and in bold (WCAG 2.2, 1.4.3)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `rule` is the word of the rule that found it."""

    rule: str
    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.rule}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Look:
    """A proof that came out, with its page."""

    proof: Proof
    page: Page
    text: str
    subject: str
    head: bytes


def is_open(address: str) -> bool:
    """Whether anybody on the way sees who goes there, and what is shown."""
    return parts_of(address).scheme == "http"


Rule = Callable[[Look], Iterator[str]]


def look_at(proof: Proof) -> Look | None:
    """None where the mail did not come out."""
    if proof.composed is None:
        return None
    head = proof.composed.content.partition(b"\r\n\r\n")[0]
    return Look(proof, read_page(proof.html), proof.composed.text, proof.composed.subject, head)


def unsubscribe(look: Look) -> Iterator[str]:
    """Marketing mail says how to leave: in its head, in its HTML and in its text."""
    if look.proof.stream is not Stream.MARKETING:
        return
    if not any("/unsubscribe/" in each.attributes.get("href", "") for each in look.page.named("a")):
        yield "the HTML has no link to unsubscribe: extend base/mail.html.j2"
    if "/unsubscribe/" not in look.text:
        yield "the text has no link to unsubscribe: extend base/mail.txt.j2"


def address(look: Look) -> Iterator[str]:
    """Both parts have the sender's postal address."""
    for part, words in (("HTML", look.page.text), ("text", look.text)):
        if not all(" ".join(line.split()) in words for line in look.proof.postal_lines):
            yield f"the {part} does not show the postal address (shop.postal_lines)"


def links(look: Look) -> Iterator[str]:
    """Links lead somewhere, by https. Where our own pages are is told once, and not of each mail (engine.proofs.linting)."""
    for each in look.page.named("a"):
        href = each.attributes.get("href", "").strip()
        parts = parts_of(href)
        if is_program(href):
            continue  # which is worse than nowhere
        if parts.scheme not in ("https", "http", "mailto", "tel"):
            yield f'line {each.line}: a link leads nowhere: "{href[:60]}"'
        elif is_open(href) and not href.startswith(look.proof.pages):
            yield f"line {each.line}: {href[:60]} is not encrypted: write https"


def css(look: Look) -> Iterator[str]:
    """What readers of mail do not draw, and what is lost then."""
    for each in look.page.elements:
        if each.name not in ELEMENTS:
            yield from (f"line {each.line}: {words}" for words in lacking(each))
    yield from (words for _, words in taken(look.page))


def tags(look: Look) -> Iterator[str]:
    """Tags come in pairs, one within another: what is left open or crossed each reader mends in a way of its own."""
    yield from (f"line {line}: {words}" for line, words in look.page.unpaired)


def active(look: Look) -> Iterator[str]:
    """Nothing in it does anything."""
    yield from (words for _, words in programs(look.page))


def size(look: Look) -> Iterator[str]:
    """Gmail cuts mails that are too long."""
    octets = len(look.proof.html.encode())
    if octets > SIZE_MAX:
        yield f"its HTML has {octets:,} octets: Gmail cuts a mail at {CLIPPED:,}"


def images(look: Look) -> Iterator[str]:
    """Pictures can be fetched, say in words what they show, have a size, and are not all there is."""
    yield from (words for _, words in unseen(look.page))
    pictures = look.page.named("img")
    for each in pictures:
        if "alt" not in each.attributes:
            yield f'line {each.line}: a picture has no alt text (alt="" where it only adorns)'
        if not each.attributes.get("width"):
            yield f"line {each.line}: a picture has no width: Outlook draws it as large as its file is"
    words = width(look.page.text)  # a Han character says more than a letter
    if len(pictures) > 1 and words < min(LONG_TEXT, _PER_PICTURE * len(pictures)):
        yield f"{len(pictures)} pictures and {words} characters of text: most filters count, and many readers see no pictures"


def colours(look: Look) -> Iterator[str]:
    """Words can be read upon what is behind them."""
    seen = set()
    for each in look.page.said:
        is_large = each.size >= _LARGE[0] or (each.is_bold and each.size >= _LARGE[1])
        found = contrast(each.colour, each.ground)
        pair = (each.colour, each.ground)
        if found < (AA_LARGE if is_large else AA) and pair not in seen:
            seen.add(pair)
            yield (f'line {each.line}: "{each.words[:30]}" is hard to read: {each.colour} upon {each.ground} has a '
                   f"contrast of {found:.1f}, but WCAG AA asks for {AA_LARGE if is_large else AA}")  # fmt: skip


def subject(look: Look) -> Iterator[str]:
    """A subject and a preview that fit, and say two things."""
    if len(look.subject) > SUBJECT_MAX and look.proof.reader is Reader.USUAL:
        yield f"the subject has {len(look.subject)} characters, and {SUBJECT_MAX} are seen at the most"
    letters = [each for each in look.subject if each.isalpha()]
    cased = [each for each in letters if each.lower() != each.upper()]
    is_loud = len(cased) > max(8, len(letters) * 0.8) and all(each.isupper() for each in cased)
    if is_loud or look.subject.count("!") + look.subject.count("！") > 2:
        yield f'the subject shouts: "{look.subject[:60]}"'


def direction(look: Look) -> Iterator[str]:
    """The page runs as its language does, and nothing is pinned to one side; what was isolated is closed."""
    runs = look.proof.words.direction
    top = look.page.named("html")
    if not top or top[0].attributes.get("dir") != runs:
        yield f'<html> has no dir="{runs}": extend base/mail.html.j2'
    for line in (look.subject, *look.text.split("\n")):
        if line.count(FSI) != line.count(PDI):
            yield f'an isolate is not closed on its line: "{line[:40]}"'
    wrong = "left" if runs == "rtl" else "right"
    for each in look.page.named("p", "td", "th", "h1", "h2", "div"):
        said = each.style.get("text-align", each.attributes.get("align", ""))
        if runs == "rtl" and said == wrong and not each.attributes.get("scope") and "white-space" not in each.style:
            yield f"line {each.line}: it is pinned to the {wrong} in a page that runs the other way: write {{{{ start }}}}"


RULES: Final[Mapping[str, Rule]] = {
    "unsubscribe": unsubscribe, "address": address, "links": links, "css": css, "active": active, "size": size, "images": images,
    "contrast": colours, "subject": subject, "direction": direction, "tags": tags,
}  # fmt: skip


def findings(proof: Proof) -> Iterator[Finding]:
    """All that the rules find; a mail that can't be written is one finding."""
    look = look_at(proof)
    if look is None:
        yield Finding("facts", proof.where, str(proof.fault))
        return
    for name, rule in RULES.items():
        yield from (Finding(name, proof.where, words) for words in rule(look))
