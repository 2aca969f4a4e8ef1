"""Encoded words from strangers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverability.encoded_words import codec_of, decode_shown, decode_text
from deliverability.text import is_clean


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?UTF-8?B?R3LDvMOfZQ==?= there", "Grüße there"),
        (b"=?utf-8?B?R3LDvMOfZQ?=", "Grüße"),
        (b"=?iso-8859-1*de?q?Gr=FC=DFe_du?=", "Grüße du"),
        (b"=?utf-8?b?5Lit?=\r\n =?utf-8?b?5paH?=", "中文"),
        (b"=?utf-8?b?5Lg=?= =?utf-8?b?reaWhw==?=", "中文"),
        (b"=?gb2312?B?1tDOxA==?=", "中文"),
        (b"=?koi8-r?B?8NLJ18XU?=", "Привет"),
        (b"=?windows-1255?B?+ezl7Q==?=", "שלום"),
        (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        (b"a =?utf-8?q?b?= c", "a b c"),
        ("raw Grüße".encode(), "raw Grüße"),
        (b"raw Gr\xfc\xdfe", "raw Grüße"),
        (b"=?utf-7?q?+AGE-?=", "=?utf-7?q?+AGE-?="),
        (b"=?zlib?b?eJw=?=", "=?zlib?b?eJw=?="),
        (b"=?utf-8?x?a?=", "=?utf-8?x?a?="),
        (b"=?utf-8?b?A?=", "=?utf-8?b?A?="),
        (b"=?utf-8?q?a=0D=0ABcc:_b?=", "a  Bcc: b"),
        (b"=?utf-8?q?=1B[31m?=", "?[31m"),
    ],
)
def test_text_is_decoded_cleaned_and_otherwise_left_alone(raw: bytes, text: str) -> None:
    assert decode_text(raw) == text


def test_what_is_only_looked_at_keeps_the_sign_of_a_control_character() -> None:
    raw = b"=?utf-8?q?=1B[31mRED=7F=C2=9B_=E2=80=AE?=\r\n\tfolded \x1b]52"
    assert decode_shown(raw) == "␛[31mRED␡? ?   folded ␛]52"
    assert decode_text(raw) == "?[31mRED?? ?   folded ?]52"


@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([b"=?utf-8?", b"b?", b"q?", b"?=", b"=C3", b"5Lit", b" "])).map(b"".join)
)
def test_any_octets_give_one_clean_line(raw: bytes) -> None:
    assert is_clean(decode_text(raw))


@pytest.mark.parametrize("charset", ["utf-7", "idna", "punycode", "unicode_escape", "zip", "rot13", "utf-16", ""])
def test_charsets_that_mail_does_not_use_are_not_ours(charset: str) -> None:
    assert codec_of(charset) is None
