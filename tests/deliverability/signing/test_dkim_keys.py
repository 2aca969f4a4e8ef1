"""Keys from files, and the records for them."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from deliverability.signing.keys import Algorithm, Key, KeyTrouble, dns_record, generate_key, load_key


def pem(
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey,
    form: PrivateFormat = PrivateFormat.PKCS8,
    lock: KeySerializationEncryption | None = None,
) -> bytes:
    return private.private_bytes(Encoding.PEM, form, lock or NoEncryption())


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_an_rsa_key_is_read_in_both_forms(private: rsa.RSAPrivateKey, form: PrivateFormat) -> None:
    key = load_key(pem(private, form), "Shop.Example", "Sel-2026")
    assert (key.domain, key.selector, key.algorithm, key.warnings) == ("shop.example", "sel-2026", Algorithm.RSA, ())


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_made_key_can_be_written_and_read_again(algorithm: Algorithm) -> None:
    key = generate_key("shop.example", "a", algorithm)
    again = load_key(key.to_pem(), "shop.example", "a")
    assert again.algorithm is algorithm
    assert dns_record(again) == dns_record(key)


def test_a_short_key_is_refused_and_a_middling_one_is_warned_about() -> None:
    with pytest.raises(KeyTrouble, match="511 bits is refused everywhere: make a key of 2048"):
        load_key(pem(_short_key()), "shop.example", "a")
    middling = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    [warning] = load_key(pem(middling), "shop.example", "a").warnings
    assert "1024 bits" in warning


def _short_key() -> rsa.RSAPrivateKey:
    """Libraries make none any more, but old files hold them."""
    p, q, e = 2**255 - 19, 2**256 - 189, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key()


def test_bad_key_files_are_answered_with_their_remedy(private: rsa.RSAPrivateKey) -> None:
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    troubles = {
        b"": "not a private key",
        b"\xff\x00": "not a private key",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n": "not a private key",
        public: "public key: give the private one",
        pem(private, lock=BestAvailableEncryption(b"secret")): "openssl pkey",
        pem(private, PrivateFormat.OpenSSH): "ssh-keygen",
        pem(ec.generate_private_key(ec.SECP256R1())): "RSA and Ed25519 keys, not EC",
    }
    for octets, words in troubles.items():
        with pytest.raises(KeyTrouble, match=words):
            load_key(octets, "shop.example", "a")


@pytest.mark.parametrize(
    ("domain", "selector"), [("no domain", "a"), ("shop.example", "a b"), ("shop.example", ""), ("", "a")]
)
def test_a_place_that_cannot_be_published_at_is_refused(domain: str, selector: str) -> None:
    with pytest.raises(KeyTrouble):
        generate_key(domain, selector, Algorithm.ED25519)


def test_a_key_never_shows_its_secret(private: rsa.RSAPrivateKey) -> None:
    assert str(private.private_numbers().d) not in repr(load_key(pem(private), "shop.example", "a"))


def test_the_record_of_rfc_8463_appendix_a() -> None:
    seed = base64.b64decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    key = Key("football.example.com", "brisbane", Algorithm.ED25519, Ed25519PrivateKey.from_private_bytes(seed))
    record = dns_record(key)
    assert record.name == "brisbane._domainkey.football.example.com"
    assert record.value == "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def test_a_long_record_is_cut_into_strings_that_dns_can_hold(private: rsa.RSAPrivateKey) -> None:
    record = dns_record(load_key(pem(private), "shop.example", "a"))
    assert max(map(len, record.strings)) <= 255
    assert "".join(record.strings) == record.value
    assert record.zone_line.startswith('a._domainkey.shop.example. IN TXT ( "v=DKIM1; k=rsa; p=')
