"""Files of people as they come: encodings found by evidence, rows in a stream, nothing lost, nothing that takes the reader
down."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.exchange import encodings
from engine.exchange.encodings import CODECS, NoText, Unclear
from engine.exchange.opening import open_file
from engine.exchange.rows import CELL_MAX, LINE_MAX, NoTable, Row, Table, read_csv, read_json_lines
from engine.exchange.sheet import guarded, unguarded

RUSSIAN = "почта,имя\nann@example.org,Анна Петрова\nivan@example.org,Иван Сидоров\nolga@example.org,Ольга\n"
HEBREW = 'דוא"ל,שם\ndana@example.org,דנה לוי\nyossi@example.org,יוסי כהן\nmoshe@example.org,משה אברהם\n'.replace(
    '"', ""
)
CHINESE = "邮箱,姓名\nwang@example.org,王小明\nli@example.org,李建国\nzhang@example.org,张伟\n"
GERMAN = (
    "mail,name\na@example.org,Jürgen Müller\nb@example.org,François Lefèvre\nc@example.org,Käthe Größ\nd@e.org,Åsa\n"
)
SAMPLES = [
    (RUSSIAN, "UTF-8"), (HEBREW, "UTF-8"), (CHINESE, "UTF-8"), (RUSSIAN, "UTF-16"), (HEBREW, "UTF-16LE"),
    (RUSSIAN, "UTF-16BE"), (RUSSIAN, "Windows-1251"), (HEBREW, "Windows-1255"), (CHINESE, "GB18030"),
    (GERMAN, "Windows-1252"), ("mail,name\nann@example.org,Ann\n", "UTF-8"),
]  # fmt: skip


def found(octets: bytes) -> str:
    return encodings.find(encodings.look(io.BytesIO(octets)))


@pytest.mark.parametrize(("text", "encoding"), SAMPLES)
def test_the_encoding_is_found_by_what_the_words_are(text: str, encoding: str) -> None:
    octets = text.encode(CODECS[encoding])
    assert found(octets) == encoding
    table = read_csv("people.csv", io.BytesIO(octets), CODECS[found(octets)])
    assert [table.header, *(tuple(row.cells) for row in table.rows)] == [
        tuple(line.split(",")) for line in text.splitlines()
    ]


def test_without_evidence_the_candidates_are_shown_with_what_each_makes_of_a_line() -> None:
    with pytest.raises(Unclear) as caught:
        found("mail,name\nx@example.org,Ан\n".encode("cp1251"))
    words = str(caught.value)
    assert "--encoding" in words
    for name, line in (("Windows-1251", "x@example.org,Ан"), ("Windows-1252", "x@example.org,Àí"), ("GB18030", "")):
        assert name in words and line in words


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "empty"),
        (bytes(range(128, 256)) * 9, "no text: not in UTF-8"),
        (b"PK\x03\x04" + bytes(500), "save it as CSV"),
        (b"\x1f\x8b\x08" + bytes(range(256)), "gzip"),
        (b"%PDF-1.7\n\xff\xfe", "PDF"),
        (b"a,b\n" + bytes(2000), "NUL"),
        (b"SQLite format 3\x00", "database"),
        (b"PGDMP\x01\x0e", "plain one"),
    ],
)
def test_what_is_no_text_is_said_to_be_none(octets: bytes, words: str) -> None:
    with pytest.raises(NoText, match=words):
        found(octets)


def rows_of(text: str | bytes) -> tuple[Table, list[Row]]:
    table = read_csv("people.csv", io.BytesIO(text.encode() if isinstance(text, str) else text), "utf-8-sig")
    return table, list(table.rows)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(separator: str) -> None:
    table, rows = rows_of(f'mail{separator}name\na@example.org{separator}"A, the {separator} first; |one"\n')
    assert table.header == ("mail", "name") and table.separator == separator
    assert rows[0].cells == ["a@example.org", f"A, the {separator} first; |one"]


def test_rows_have_the_numbers_of_a_spreadsheet() -> None:
    _, rows = rows_of('mail,name\na@example.org,"two\nlines"\n\nb@example.org,B\n,\nc@example.org,C\n')
    assert [(row.number, row.cells[0]) for row in rows] == [
        (2, "a@example.org"),
        (4, "b@example.org"),
        (6, "c@example.org"),
    ]


def test_a_first_line_of_excel_says_the_separator_and_a_file_without_a_header_has_numbers() -> None:
    table, rows = rows_of("sep=|\nann@example.org|Ann\nbob@example.org|Bob\n")
    assert table.header == ("address", "2") and [row.cells[1] for row in rows] == ["Ann", "Bob"]


def test_a_quote_that_nobody_closes_costs_its_own_line_only() -> None:
    _, rows = rows_of('mail,name\na@example.org,"Ann\nb@example.org,Bob\nc@example.org,"Cy"\nd@example.org,Di\n')
    assert [(row.cells[0], bool(row.trouble)) for row in rows] == [
        ('a@example.org,"Ann', True), ("b@example.org", False), ("c@example.org", False), ("d@example.org", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a@example.org," + "x" * (LINE_MAX + 5), "longer than 1,048,576"),
        ('a@example.org,"' + "x" * (CELL_MAX + 5) + '"', "cell is longer"),
        ("a@example.org", "1 cells where the header has 2"),
        ("a@example.org,b,c", "3 cells"),
        ("a@example.org," + "," * 900_000, "cells where the header has 2"),
        ("a@example.org,b\0c", "NUL"),
    ],
)
def test_a_row_that_can_t_be_read_is_a_row_with_its_reason(line: str, words: str) -> None:
    _, rows = rows_of(f"mail,name\n{line}\nb@example.org,Bob\n")
    assert words in rows[0].trouble and rows[0].number == 2
    assert not rows[1].trouble and rows[1].cells == ["b@example.org", "Bob"]
    assert sum(len(str(cell)) for cell in rows[0].cells) < 10_000, "what is kept of it is bounded"


def test_octets_that_are_no_text_spoil_their_row_only() -> None:
    _, rows = rows_of(b"mail,name\na@example.org,\xff\xfe\nb@example.org,Bob\n")
    assert "no text in this encoding" in rows[0].trouble and not rows[1].trouble


@pytest.mark.parametrize(
    "text", ["", "\n\n", ",".join(f"c{each}" for each in range(200_000)) + "\n", 'a,"b\n', "x" * (LINE_MAX + 9)]
)
def test_what_is_no_table_is_said_to_be_none(text: str) -> None:
    with pytest.raises(NoTable):
        rows_of(text)


@given(st.binary(max_size=400))
def test_no_octets_take_the_reader_down(octets: bytes) -> None:
    for read in (read_csv, read_json_lines):
        try:
            rows = list(read("x", io.BytesIO(octets), "utf-8-sig").rows)
        except NoTable:
            continue
        assert all(isinstance(row, Row) for row in rows)


def test_json_lines_are_objects_or_rows_with_a_reason() -> None:
    deep = "[" * 100_000
    lines = [
        '{"address": "a@example.org"}',
        "[1]",
        '{"address":',
        f'{{"a": {deep}',
        '{"a": NaN}',
        "",
        '{"address": "b@e.org"}',
    ]
    rows = list(read_json_lines("x", io.BytesIO("\n".join(lines).encode()), "utf-8-sig").rows)
    assert [(row.number, bool(row.trouble)) for row in rows] == [
        (1, False), (2, True), (3, True), (4, True), (5, True), (7, False),
    ]  # fmt: skip


def test_a_line_of_json_that_is_too_long_is_one_bad_row() -> None:
    text = '{"address": "' + "x" * (9 * LINE_MAX) + '"}\n{"address": "b@example.org"}\n'
    rows = list(read_json_lines("x", io.BytesIO(text.encode()), "utf-8-sig").rows)
    assert [(row.number, bool(row.trouble)) for row in rows] == [(1, True), (2, False)]


@given(st.text(alphabet=st.sampled_from("'=+-@\t\r\nax\uff1d"), max_size=8))
def test_a_guarded_cell_is_no_formula_and_comes_back_as_it_was(text: str) -> None:
    assert unguarded(guarded(text)) == text
    assert guarded(text)[:1] not in tuple("=+-@\t\r\n\uff1d")


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, octets in members.items():
            made.writestr(name, octets)
    return path


def test_an_archive_that_unpacks_to_far_too_much_is_refused_while_it_is_read(tmp_path: Path) -> None:
    head = b"Email Address,LEID\n"
    bomb = archive(tmp_path / "bomb.zip", {"subscribed_email_audience_export_1.csv": head + b"a" * (30 << 20)})
    with pytest.raises(NoTable, match="far more"), open_file(bomb) as opened:
        list(opened.tables())


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"xl/workbook.xml": b"<x/>"}, "none of Mailchimp's"),
        ({f"subscribed_{each}.csv": b"x" for each in range(80)}, "80 files"),
    ],
)
def test_archives_that_are_none_of_mailchimp_s_are_refused(
    tmp_path: Path, members: dict[str, bytes], words: str
) -> None:
    with pytest.raises(NoTable, match=words):
        open_file(archive(tmp_path / "x.zip", members))


def test_an_archive_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    whole = archive(tmp_path / "x.zip", {"subscribed_1.csv": json.dumps(list(range(9000))).encode()}).read_bytes()
    for size in (30, len(whole) // 2, len(whole) - 10):
        (tmp_path / "cut.zip").write_bytes(whole[:size])
        with pytest.raises(NoTable):
            open_file(tmp_path / "cut.zip")
