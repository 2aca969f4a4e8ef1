"""The address in From: is found behind names, comments, quotes and blanks of any length: its domain signs."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverability.authors import first_author


@pytest.mark.parametrize(
    ("field", "address"),
    [
        ("hello@shop.example", "hello@shop.example"),
        ("<hello@shop.example>", "hello@shop.example"),
        ("Hello <hello@SHOP.Example>", "hello@shop.example"),
        ('"A very long name ' * 40 + '" <hello@shop.example>', "hello@shop.example"),
        ("=?utf-8?B?15PXldeQ16g=?= " * 60 + "<hello@shop.example>", "hello@shop.example"),
        ("Hello <hello@shop.example> (via bob@other.example)", "hello@shop.example"),
        ("hello@shop.example (a (nested \\) bob@other.example) comment)", "hello@shop.example"),
        ('"bob@other.example" <hello@shop.example>', "hello@shop.example"),
        ('"a \\" <bob@other.example>, " <hello@shop.example>', "hello@shop.example"),
        ("bob@other.example <hello@shop.example>", "hello@shop.example"),
        ("hello@shop.example, bob@other.example", "hello@shop.example"),
        ("Shop: hello@shop.example, bob@other.example;", "hello@shop.example"),
        ("undisclosed:; , hello@shop.example", "hello@shop.example"),
        ('"x y"@shop.example', '"x y"@shop.example'),
        ("hello @ shop.example", "hello@shop.example"),
        ("hello(c)@(c)shop.example", "hello@shop.example"),
        ("Ann ann@shop.example", "ann@shop.example"),
        ("<@a.example,@b.example:hello@shop.example>", "hello@shop.example"),
        ("hello@bücher.example", "hello@xn--bcher-kva.example"),
        ("<hello@shop.example", "hello@shop.example"),
        ("x" * 70 + "@shop.example", "x" * 64 + "@shop.example"),
        ('"Hello <hello@shop.example>', "hello@shop.example"),
        ("Hello (see <hello@shop.example>", "hello@shop.example"),
        ("Hello", ""),
        ("", ""),
        ("hello@[127.0.0.1]", ""),
    ],
)
def test_it_is_found_however_it_is_written(field: str, address: str) -> None:
    assert first_author(field.encode()) == address


@given(st.one_of(st.binary(max_size=300), st.text('()<>",:;\\@ ab.', max_size=200).map(str.encode)))
def test_nothing_makes_it_raise(field: bytes) -> None:
    found = first_author(field)
    assert found == "" or (found.count("@") >= 1 and "\n" not in found)


@pytest.mark.parametrize("piece", ["(", '"', "<", "\\", "a,", "(a", '"\\', ":", ")", " @"])
def test_a_hostile_field_is_read_once(piece: str) -> None:
    began = time.perf_counter()
    first_author((piece * (100_000 // len(piece))).encode())
    assert time.perf_counter() - began < 5
