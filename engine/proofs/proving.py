"""Proofs: mails as made readers would get them, before anybody gets one. Needs no database and no daemon."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from engine.proofs.samples import SHOP, Reader, facts, moved, person
from engine.sending.brand import Brand, read_brand, unfinished
from engine.sending.compose import Composed, Composer
from engine.sending.mail_files import MailFile, MailFileError, read_mail_file
from engine.sending.render import TemplateFault
from engine.sending.resources import Resources
from engine.sending.settings import MailSettings, split_mailbox
from engine.sending.texts import TextError, Texts, Words
from mta.queue.delivery import Stream

NOW: Final = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BASE_URL: Final = "https://mail.shop.example"
_ADDRESS: Final = "12 Harbour Street\nOldtown"
_SAMPLE: Final = MailSettings(sender="Blue Teapot <hello@shop.example>")
_OCTETS: Final = b"proofs have one."
_SECRET: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Proof:
    """A mail for one reader in one language, or why there is none."""

    mail: str
    words: Words
    reader: Reader
    stream: Stream
    composed: Composed | None
    html: str
    fault: TemplateFault | None = None
    postal_lines: tuple[str, ...] = ()  # that its footer should have
    pages: str = ""  # what the links to our own pages begin with

    @property
    def where(self) -> str:
        return f"{self.mail} ({self.words.tag}, {self.reader})"


class Prover:
    """Makes proofs. `settings`: an installation's. A postal address is made where the brand has none. `unfinished`: what an
    installation's brand does not say yet."""

    unfinished: tuple[str, ...]
    home: str  # the shop that made-up links lead to
    is_sample: bool  # nobody's settings were given

    def __init__(self, resources: Resources, settings: MailSettings | None = None, base_url: str = BASE_URL) -> None:
        told = settings or _SAMPLE
        self.resources = resources
        brand = read_brand(resources)
        sender = split_mailbox(told.sender)[1].domain
        self.home = brand.places(sender)["url"].rstrip("/")
        self.is_sample = settings is None
        self.unfinished = () if settings is None else tuple(unfinished(brand, sender))
        shown = brand if brand.postal_address.strip() else replace(brand, postal_address=_ADDRESS)
        self.composer = Composer(told, resources, _SECRET, base_url, "bounce.shop.example", brand=shown)

    @classmethod
    def of(cls, resources: Resources, composer: Composer) -> "Prover":
        """With the composer of a house that runs: its links are real, so the reader should be nobody's contact."""
        found = cls.__new__(cls)
        found.resources, found.composer, found.unfinished, found.is_sample = resources, composer, (), False
        found.home = composer.shop["url"].rstrip("/")
        return found

    @property
    def texts(self) -> Texts:
        return self.composer.texts

    @property
    def pages(self) -> str:
        """Where readers find our own pages."""
        return f"{self.composer.base_url}/"

    @property
    def brand(self) -> Brand:
        return self.composer.brand

    def file(self, mail: str) -> MailFile:
        """MailFileError."""
        return read_mail_file(self.resources, mail)

    def languages(self, mail: str) -> list[str]:
        """Those that the mail has words in; none where its file is wrong."""
        try:
            return sorted(self.texts.mail(mail))
        except TextError:
            return []

    def proof(
        self, mail: str, tag: str, reader: Reader = Reader.USUAL, *, contact: Mapping[str, Any] | None = None,
        sample: Mapping[str, Any] | None = None, now: datetime = NOW, octets: bytes = _OCTETS,
    ) -> Proof:  # fmt: skip
        """The mail in a language that it has words in. `contact`: a real reader's facts; `sample`: laid over the file's.
        MailFileError, KeyError where it has no such words."""
        file, words = self.file(mail), self.texts.mail(mail)[tag]
        stream = Stream.MARKETING if file.stream == "marketing" else Stream.TRANSACTIONAL
        seen = facts(tag, file.event, {**self._sample(file, tag), **(sample or {})}, reader)
        if self.home != SHOP:
            seen = moved(seen, self.home)
        who = person(tag, reader) if contact is None else {**contact, "locale": tag}
        asks = mail.startswith("confirm")  # which is asked of a stranger, by a link
        links = {"confirm": f"{self.composer.base_url}/confirm/proof"}
        try:
            made = self.composer.compose(
                mail, who, seen, stream=stream, now=now, octets=octets, links=links, is_nameless=asks
            )
        except TemplateFault as err:
            return Proof(mail, words, reader, stream, None, "", err)
        lines = tuple(self.composer.shop["postal_lines"])
        return Proof(mail, words, reader, stream, made, made.html, None, lines, self.pages)

    def _sample(self, file: MailFile, tag: str) -> dict[str, Any]:
        """The sample, with what it says of one language ([sample.he]) laid over what it says of all."""
        of_all = {key: value for key, value in file.sample.items() if key not in self.texts.tags}
        return {**of_all, **file.sample.get(tag, {})}

    def proofs(self, mail: str) -> Iterator[Proof]:
        """In every language, for every made reader."""
        for tag in self.languages(mail):
            for reader in Reader:
                yield self.proof(mail, tag, reader)


__all__ = ["BASE_URL", "NOW", "MailFileError", "Proof", "Prover"]
