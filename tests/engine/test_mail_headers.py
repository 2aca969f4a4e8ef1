"""What every mail that ships says to programs: the fields of its header, and the structured data in its HTML."""

import email
import email.policy
import json
import re
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

import pytest
from mail_shop import SHOP, compose, make_composer, part, person

from engine.proofs.proving import Proof, Prover
from engine.proofs.samples import Reader
from engine.sending.checking import mail_names
from engine.sending.resources import Resources
from mta.queue.delivery import Stream

PROVER: Final = Prover(Resources((SHOP,)))
MAILS: Final = sorted(mail_names(PROVER.resources))
TO_LEAVE: Final = ("List-Unsubscribe", "List-Unsubscribe-Post", "List-Help", "List-Owner")
ALWAYS: Final = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Feedback-ID", "Auto-Submitted")
SAYS: Final = {  # by what a mail is about: the types that it has to say
    "order-": {"Order"}, "parcel-": {"ParcelDelivery"}, "event-": {"Event"},
}  # fmt: skip


def data_of(html: str) -> list[dict[str, Any]]:
    """All objects of its JSON-LD."""
    found = [json.loads(each) for each in re.findall(r'<script type="application/ld\+json">(.*?)</script>', html, re.S)]
    return [one for each in found for one in (each if isinstance(each, list) else [each])]


def header_of(proof: Proof) -> EmailMessage:
    assert proof.composed is not None, proof.fault
    message = email.message_from_bytes(proof.composed.content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.parametrize("mail", MAILS)
def test_a_mail_says_who_it_is_from_how_to_leave_and_what_it_is_about(mail: str) -> None:
    for tag in PROVER.languages(mail):
        for reader in (Reader.USUAL, Reader.EMPTIEST) if tag == "en" else (Reader.USUAL,):
            proof = PROVER.proof(mail, tag, reader)
            header = header_of(proof)
            assert not header.defects
            said = {name: header.get_all(name, []) for name in (*ALWAYS, *TO_LEAVE)}
            missing = [name for name in ALWAYS if len(said[name]) != 1]
            assert missing == [], f"{proof.where}: not once in its header"
            wanted = 1 if proof.stream is Stream.MARKETING else 0
            assert {name: len(said[name]) for name in TO_LEAVE} == dict.fromkeys(TO_LEAVE, wanted), proof.where
            if wanted:
                assert re.search(r"<https://[^>]+>", said["List-Unsubscribe"][0])
                assert said["List-Unsubscribe-Post"] == ["List-Unsubscribe=One-Click"]
            types = [each["@type"] for each in data_of(proof.html)]
            assert all(each["@context"] == "http://schema.org" for each in data_of(proof.html))
            [must] = [says for kind, says in SAYS.items() if mail.startswith(kind)] or [set()]
            assert must <= set(types), proof.where
            code = proof.stream is Stream.MARKETING and re.search(r'class="code[^>]*>([^<]+)<', proof.html)
            assert ("DiscountOffer" in types) == bool(code), (
                f"{proof.where}: shows a code and does not say it, or the reverse"
            )


def test_a_code_is_told_with_its_last_day_and_the_sender_s_picture() -> None:
    coupon = {"coupon": {"code": "TEA-</script>", "expires": "2026-03-31"}}
    html = part(compose("birthday-gift", stream=Stream.MARKETING, event=coupon), "html")
    [offer] = [each for each in data_of(html) if each["@type"] == "DiscountOffer"]
    assert (offer["discountCode"], offer["availabilityEnds"]) == ("TEA-</script>", "2026-03-31T23:59:59")
    assert data_of(part(compose("birthday-gift", stream=Stream.MARKETING, event={}), "html")) == []


def test_the_picture_is_told_where_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "brand.toml").write_text('name = "Tea"\n[logo]\nimage = "https://shop.example/logo.png"\n')
    composer = make_composer(tmp_path)
    made = compose(
        "birthday-gift", person(), composer=composer, stream=Stream.MARKETING,
        event={"coupon": {"code": "X"}},
    )  # fmt: skip
    assert data_of(part(made, "html")) == [
        {"@context": "http://schema.org", "@type": "Organization", "logo": "https://shop.example/logo.png"},
        {"@context": "http://schema.org", "@type": "DiscountOffer", "discountCode": "X"},
    ]
