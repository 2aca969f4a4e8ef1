"""Whose keys sign for a From domain; and that a key which can't be read keeps mail back, below its domain too."""

import pytest

from deliverability.signing.keys import Algorithm, generate_key
from deliverability.signing.signer import Signer
from mta.outbound.courier import CannotPrepare
from mta.outbound.signatures import Keyring


def _signer(domain: str) -> Signer:
    return Signer([generate_key(domain, "s", Algorithm.ED25519)])


def test_a_domain_is_signed_for_by_itself_else_by_its_nearest_parent() -> None:
    shop, news = _signer("shop.example"), _signer("news.shop.example")
    keys = Keyring({"shop.example": shop, "news.shop.example": news})
    assert keys.signer("shop.example") is shop
    assert keys.signer("a.news.shop.example") is news
    assert keys.signer("other.shop.example") is shop


def test_who_has_no_keys_is_signed_for_by_nobody() -> None:
    keys = Keyring({"shop.example": _signer("shop.example")})
    assert keys.signer("notshop.example") is None
    assert keys.signer("example") is None
    assert keys.signer("") is None


@pytest.mark.parametrize("domain", ["shop.example", "news.shop.example", "a.news.shop.example"])
def test_mail_waits_where_the_keys_of_the_domain_or_its_parent_are_broken(domain: str) -> None:
    keys = Keyring({}, {"shop.example": "the key is gone"})
    with pytest.raises(CannotPrepare, match="the key is gone"):
        keys.signer(domain)


def test_a_broken_domain_is_not_signed_for_by_its_parent() -> None:
    keys = Keyring({"shop.example": _signer("shop.example")}, {"news.shop.example": "the key is gone"})
    with pytest.raises(CannotPrepare):
        keys.signer("news.shop.example")
    assert keys.signer("shop.example") is not None
