"""DKIM signatures, verified: the messages of the RFCs, edited ones, and what is told of those that do not hold."""

from pathlib import Path

import pytest

from deliverability.checks.dkim_verify import Holds, verify
from deliverability.checks.zone import Zone

VECTORS = Path(__file__).parents[2] / "data" / "corpora" / "dkim-vectors" / "data"
# The keys that RFC 6376 appendix C and RFC 8463 appendix A.2 print.
RSA = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"  # noqa: E501
OTHER_RSA = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"  # noqa: E501
ED25519 = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
KEYS = {
    "brisbane._domainkey.example.com": f"v=DKIM1; p={RSA}",
    "brisbane._domainkey.football.example.com": f"v=DKIM1; k=ed25519; p={ED25519}",
    "test._domainkey.football.example.com": f"v=DKIM1; k=rsa; p={OTHER_RSA}",
}
A2 = (VECTORS / "lieser" / "rfc6376-A.2.eml").read_bytes()


@pytest.mark.parametrize(
    ("name", "results"),
    [
        ("lieser/rfc6376-A.2.eml", ["pass"]),
        ("lieser/rfc8463-A.3.eml", ["pass", "pass"]),
        ("mimekit/rfc8463-example.msg", ["pass", "pass"]),
        ("dkimpy/rfc6376.signed.rsa.msg", ["pass"]),
        ("lieser/rfc6376-A.2-body_modified.eml", ["fail"]),
        ("lieser/rfc6376-A.2-header_subject_modified.eml", ["fail"]),
        ("lieser/dkim/added_header-from.eml", ["fail"]),
        ("lieser/rfc6376-A.2-ill_formed-missing_v.eml", ["permerror"]),
        ("lieser/rfc8463-A.3-key_algo_mismatch.eml", ["permerror", "permerror"]),
        ("dkimpy/rfc6376.msg", []),
    ],
)
def test_vectors(name: str, results: list[str]) -> None:
    content = (VECTORS / name).read_bytes()
    for each in (content, content.replace(b"\r\n", b"\n")):
        assert [str(found.result) for found in verify(each, Zone(KEYS))] == results


@pytest.mark.parametrize(
    ("key", "result", "why"),
    [
        (None, Holds.PERMERROR, "there is no key at brisbane._domainkey.example.com"),
        ("v=DKIM1; p=", Holds.PERMERROR, "revoked"),
        ("v=DKIM2; p=x", Holds.PERMERROR, "no DKIM record"),
        ("v=DKIM1; p=***", Holds.PERMERROR, "malformed"),
        ("v=DKIM1; p=AAAA", Holds.PERMERROR, "malformed"),
        (f"v=DKIM1; k=ed25519; p={ED25519}", Holds.PERMERROR, "of the kind ed25519"),
        (f"v=DKIM1; h=sha1; p={RSA}", Holds.PERMERROR, "this hash"),
        (f"v=DKIM1; t=s; p={RSA}", Holds.PERMERROR, "its domain only"),
        (f"v=DKIM1; p={OTHER_RSA}", Holds.FAIL, "another key"),
        ("TIMEOUT", Holds.TEMPERROR, "nobody answers"),
        (f"p={RSA}", Holds.PASS, ""),
    ],
)
def test_what_is_wrong_with_the_key_is_said(key: str | None, result: Holds, why: str) -> None:
    zone = Zone({"brisbane._domainkey.example.com": key} if key else {})
    [found] = verify(A2, zone)
    assert found.result is result
    assert why in found.reason


@pytest.mark.parametrize(
    "header",
    [
        b"DKIM-Signature: v=1",
        b"DKIM-Signature: ;;;=;",
        b"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=brisbane; h=from; bh=!; b=!",
        b"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=brisbane; h=to; bh=aaaa; b=aaaa",
        b"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=brisbane; h=from; bh=aaaa; b=aaaa; c=x/y; l=x; t=x; x=x",
        b"DKIM-Signature: v=1; a=md5; d=example.com; s=brisbane; h=from; bh=aaaa; b=aaaa",
    ],
)
def test_a_malformed_signature_is_an_error_and_never_a_fault(header: bytes) -> None:
    [found] = verify(header + b"\r\nFrom: a@example.com\r\n\r\nhi\r\n", Zone(KEYS))
    assert found.result is Holds.PERMERROR
    assert found.reason
