"""How mails look: style sheets in tags, colours that can be read, columns of plain text, pictures, and the brand's file."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mail_shop import SHOP, compose, make_composer, part, person

from engine.sending.brand import BrandError, brand_faults, read_brand, unfinished
from engine.sending.colours import contrast, readable, upon
from engine.sending.direction import FSI, PDI
from engine.sending.inlining import Sheet, SheetError, inline
from engine.sending.pictures import PictureError, read_picture
from engine.sending.resources import Resources
from engine.sending.widths import LINE, line_up, width
from mta.queue.delivery import Stream

SHEET = Sheet.parse("""
p { margin: 0; color: red }  /* a comment */
.soft { color: grey; }
p.soft { color: silver; }
.wide { width: 100%; padding-left: 1px; }
.wide { padding: 2px }
@media (max-width: 480px) { .wide { width: auto !important; } }
[data-ogsc] .soft { color: white !important; }
""")
PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + struct.pack(">II", 320, 96) + b"rest"


@pytest.mark.parametrize(
    ("source", "stands"),
    [
        ("<p>x</p>", '<p style="margin:0;color:red;">x</p>'),
        ('<p class="soft">', '<p class="soft" style="margin:0;color:silver;">'),
        ('<td class="wide gone">', '<td class="wide" style="width:100%;padding-left:1px;padding:2px;">'),
        ('<td class="gone">', "<td>"),
        ('<p style="color:blue">', '<p style="margin:0;color:blue">'),
        ('<p style="{{ x }}">', '<p style="margin:0;color:red;{{ x }}">'),
        ("{% if a < b %}<br>{% endif %}", "{% if a < b %}<br>{% endif %}"),
        ('<a href="{{ f("p", \'>\') }}"><p></a>', '<a href="{{ f("p", \'>\') }}"><p style="margin:0;color:red;"></a>'),
        ('<p\n  id="a"\n  class="soft">', '<p\n  id="a"\n  class="soft" style="margin:0;color:silver;">'),
        ('<img class="wide" src="x"/>', '<img src="x" class="wide" style="width:100%;padding-left:1px;padding:2px;"/>'),
    ],
)
def test_rules_stand_in_the_tags_and_expressions_are_left_alone(source: str, stands: str) -> None:
    assert inline(source, SHEET) == stands


def test_what_readers_choose_by_stays_in_the_head_with_its_classes() -> None:
    assert SHEET.kept == {"wide", "soft"}
    assert "@media (max-width: 480px) {.wide { width: auto !important; }}" in SHEET.head
    assert "[data-ogsc] .soft" in SHEET.head
    assert "margin" not in SHEET.head


@given(st.text(alphabet="<>pdiv \n\"'={}%#.a", max_size=120))
def test_no_template_loses_a_line_when_its_styles_are_put_in(source: str) -> None:
    assert inline(source, SHEET).count("\n") == source.count("\n")


@pytest.mark.parametrize("sheet", ["p {", "p { color: red } oops", "@media x { p { }"])
def test_a_style_sheet_that_is_not_closed_is_refused(sheet: str) -> None:
    with pytest.raises(SheetError):
        Sheet.parse(sheet)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert (upon("#1f5f52"), upon("#ffe08a")) == ("#ffffff", "#1d1b18")


@given(st.integers(0, 0xFFFFFF), st.sampled_from(["#ffffff", "#211f1c", "#f8f5ef", "#000000"]))
def test_any_colour_can_be_made_readable(colour: int, ground: str) -> None:
    assert contrast(readable(f"#{colour:06x}", ground), ground) >= 4.5


def test_prices_stand_in_a_column_in_every_script() -> None:
    for name in ("Teapot", "蓝色茶壶", f"{FSI}Teapot{PDI}", "קנקן כחול", "Чайник"):
        line = line_up(name, "€42.50")
        assert width(line) == LINE, name
        assert line.endswith("€42.50")
    wrapped = line_up("A name that is far too long to stand on one line with its price " * 2, "€1.00").split("\n")
    assert [width(each) <= LINE for each in wrapped] == [True] * 3
    assert line_up("Teapot", "") == "Teapot"


@pytest.mark.parametrize(
    ("octets", "found"),
    [
        (PNG, ("png", 320, 96)),
        (b"GIF89a" + struct.pack("<HH", 10, 20), ("gif", 10, 20)),
        (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x0b\x08" + struct.pack(">HH", 30, 40) + b"\x01", ("jpeg", 40, 30)),
    ],
)
def test_a_picture_s_size_is_read_from_its_head(octets: bytes, found: tuple[str, int, int]) -> None:
    picture = read_picture(octets)
    assert (picture.kind, picture.width, picture.height) == found


@pytest.mark.parametrize("octets", [b"", b"<svg/>", PNG[:20], b"\xff\xd8\xff\xe0\x00\x00", b"\xff\xd8\xff" * 9,
                                    b"GIF89a\0\0\0\0", PNG + b"x" * 300_000])  # fmt: skip
def test_what_is_no_picture_is_refused_in_words(octets: bytes) -> None:
    with pytest.raises(PictureError):
        read_picture(octets)


@given(st.binary(max_size=60))
def test_no_octets_make_the_reading_of_a_picture_fail_otherwise(octets: bytes) -> None:
    for head in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a"):
        try:
            assert read_picture(head + octets).width > 0
        except PictureError as err:
            assert str(err)


def test_our_own_brand_can_be_read_by_everybody() -> None:
    assert list(brand_faults(read_brand(Resources()))) == []


def test_a_brand_is_laid_over_ours_and_dresses_mail(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(PNG)
    (tmp_path / "brand.toml").write_text(
        'name = "Rotes Haus"\npostal_address = "Weg 1\\nKöln"\n[logo]\nimage = "logo.png"\n'
        '[colours]\naccent = "#b00020"\n[font]\nheading = "Futura"\n[voice]\nsigned = "Dana"\n'
        '[social]\nMastodon = "https://social.example/@haus"\n'
    )
    composer = make_composer(tmp_path)
    mail = compose("order-thanks", person(), composer=composer)
    html, text = part(mail, "html"), part(mail, "plain")
    assert "#b00020" in html
    assert "'Futura'" in html
    assert f'src="{composer.base_url}{composer.brand.logos[0].path}" width="160" height="48" alt="Rotes Haus"' in html
    assert "With kind regards,\nDana\n" in text
    assert "Rotes Haus\nWeg 1\nKöln\nMastodon:\nhttps://social.example/@haus" in text


def test_a_logo_that_is_not_there_is_told_and_the_name_stands_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "brand.toml").write_text('[logo]\nimage = "logo.png"\n')
    composer = make_composer(tmp_path)
    assert "<img" not in part(compose("order-thanks", composer=composer), "html")
    assert [*brand_faults(composer.brand)] == [
        f"brand.toml: logo.image: there is no logo.png in {tmp_path} or {SHOP} or {Resources().folders[-1]}; the name stands "
        "there as text"
    ]


def test_buttons_lead_to_the_shop_that_the_brand_names_and_to_its_pages(tmp_path: Path) -> None:
    usual = make_composer().shop
    assert (usual["url"], usual["pages"]["help"]) == ("https://shop.example/", "https://shop.example/")
    (tmp_path / "brand.toml").write_text(
        'url = "https://haus.example.org/de"\n[pages]\nhelp = "/hilfe"\naccount = "https://mein.example.org/"\n'
    )
    composer = make_composer(tmp_path)
    assert composer.shop["pages"]["help"] == "https://haus.example.org/de/hilfe"
    assert composer.shop["pages"]["account"] == "https://mein.example.org/"
    mail = compose("welcome-hello", composer=composer, stream=Stream.MARKETING)
    assert 'href="https://haus.example.org/de/"' in part(mail, "html")
    assert "\nhttps://haus.example.org/de/\n" in part(mail, "plain")


def test_no_mail_that_comes_with_us_leads_to_the_shop_of_our_examples_by_itself() -> None:
    folder = Resources().folders[-1]
    assert [path.name for path in sorted(folder.glob("mail/*.j2")) if "shop.example" in path.read_text()] == []


def test_a_brand_that_says_nothing_of_its_own_yet_is_told(tmp_path: Path) -> None:
    assert [*unfinished(read_brand(Resources()), "shop.example")] == [
        "brand.toml: there is no postal address, which most laws ask for (postal_address)",
        "brand.toml: buttons lead to shop.example, which nobody can reach: name your shop (url)",
    ]
    (tmp_path / "brand.toml").write_text('url = "https://haus.example.org/"\npostal_address = "Weg 1"\n')
    assert [*unfinished(read_brand(Resources([tmp_path])), "shop.example")] == [
        "brand.toml: buttons lead to haus.example.org, which nobody can reach: name your shop (url)"
    ]
    (tmp_path / "brand.toml").write_text('postal_address = "Weg 1"\n')
    assert [*unfinished(read_brand(Resources([tmp_path])), "haus-der-tees.de")] == []


def test_colours_that_are_hard_to_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "brand.toml").write_text('[colours]\nsoft = "#cccccc"\n')
    faults = list(brand_faults(read_brand(Resources([tmp_path]))))
    assert (
        "brand.toml: soft #cccccc is hard to read upon card #ffffff: contrast 1.6, but WCAG AA asks for 4.5" in faults
    )


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("x", "brand.toml: "),
        ("nmae = 'x'", "there is no nmae"),
        ("[colours]\naccent = 'green'", 'colours.accent "green" is not a colour'),
        ("[colours.dark]\nink = '#12'", "colours.dark.ink"),
        ("[colours.dark]\naccent = 'x'", "colours.dark.accent"),
        ("name = 7", "name is a number, but must be a text"),
        ("[logo]\nwidth = 9000", "logo.width is 9000"),
        ("[font]\ntext = 'a;b'", "no name of a font"),
        ("[social]\nX = 'http://x.example'", "social.X must be an address"),
        ("logo = 'x'", "logo is a text, but must be a table"),
        ("url = 'shop'", 'url "shop" is no address of a shop'),
        ("[pages]\nhelp = 'javascript:x'", "pages.help .* is neither an address nor a path"),
    ],
)
def test_a_wrong_brand_says_what_is_wrong(tmp_path: Path, file: str, why: str) -> None:
    (tmp_path / "brand.toml").write_text(file)
    with pytest.raises(BrandError, match=why):
        read_brand(Resources([tmp_path]))
