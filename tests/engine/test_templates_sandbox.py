"""The sandbox: a template says what a mail says, and can do nothing else."""

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mail_shop import make_composer

from engine.sending.brand import read_brand
from engine.sending.plain import PlainError, plain
from engine.sending.render import Renderer, Style, TemplateFault, zone_named
from engine.sending.resources import FILE_MAX, ResourceError, Resources
from engine.sending.texts import Texts

Render = Callable[..., str]

FACTS = plain({
    "contact": {"name": "Ann", "tags": ["a", "b"], "delete": "a fact with a method's name"},
    "data": {"lines": [{"name": str(each)} for each in range(50)], "total": 3, "items": "goods"},
})  # fmt: skip
STYLE = Style({"brand": read_brand(Resources()).as_facts("")})


@pytest.fixture
def render(tmp_path: Path) -> Render:
    """Render one template's source with FACTS."""
    (tmp_path / "mail").mkdir()
    words = Texts(Resources()).choose("en", "en", "mail.confirm")

    def render(source: str, kind: str = "txt", facts: Any = FACTS, **others: str) -> str:
        for name, text in {"probe": source, **others}.items():
            (tmp_path / "mail" / f"{name}.{kind}.j2").write_text(text)
        renderer = Renderer(Resources([tmp_path]), STYLE)
        return renderer.render(
            f"mail/probe.{kind}.j2", facts, words=words, section="mail.confirm", zone=zone_named("", "UTC")
        )

    return render


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ contact.__class__ }}",
        "{{ contact['__class__'] }}",
        "{{ contact.keys() }}",
        "{{ contact.pop('name') }}",
        "{{ contact.tags.append('x') }}",
        "{{ contact.name.upper() }}",
        "{{ contact.name.format(1) }}",
        "{{ '{0.__class__}'.format(contact) }}",
        "{{ '%s' % contact.name }}",
        "{{ contact | attr('__class__') }}",
        "{{ contact.tags | map(attribute='__class__') | list }}",
        "{{ self.__init__.__globals__ }}",
        "{{ self }}",
        "{{ t.__globals__ }}",
        "{{ t.__self__ }}",
        "{{ t }}",
        "{{ lipsum.__globals__ }}",
        "{{ cycler }}",
        "{{ joiner }}",
        "{{ namespace() }}",
        "{{ range(10) }}",
        "{{ dict() }}",
        "{{ config }}",
        "{{ loop }}",
        "{% for x in contact.tags %}{{ loop.__class__ }}{% endfor %}",
        "{% for x in contact.tags %}{{ loop._iterator }}{% endfor %}",
        "{% macro m() %}{{ m.__class__ }}{% endmacro %}{{ m() }}",
        "{% macro m() %}{{ m._func.__globals__ }}{% endmacro %}{{ m() }}",
        "{{ contact }}",
        "{{ contact.tags }}",
        "{{ contact.name | safe }}",
        "{{ contact | pprint }}",
        "{{ contact | tojson }}",
        "{{ contact.name | format }}",
        "{{ () | sum }}",
        "{{ contact.name() }}",
        "{% include '../../etc/passwd' %}",
        "{% include '/etc/passwd' %}",
        "{% include 'mail/../../../etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ contact.name | join }}",
        "{% set contact.name = 1 %}{{ contact.name }}",
        "{{ data.nothing }}",
        "{{ data.nothing.more }}",
        "{{ nothing | money }}",
        "{% if nothing %}x{% endif %}",
        "{% for x in nothing %}x{% endfor %}",
        "{{ 1 / 0 }}",
        "{{ 'a' + 'b' }}",
        "{{ 'a' * 3 }}",
        "{{ contact.tags * 3 }}",
        "{{ 2 ** 8 }}",
        "{{ t('no such words') }}",
        "{{ t('subject') }}",
        "{{ t() }}",
        "{{ data.total | money('EURO') }}",
        "{{ 'abc' | money('EUR') }}",
        "{{ true | number }}",
        "{{ 'yesterday' | date }}",
        "{{ contact.name | link }}",
        "{% for x in data recursive %}{% endfor %}",
        "{% if %}",
        "{{ contact.name",
        "{% extends 'mail/nothing.txt.j2' %}",
        "{{ " + "9" * 5000 + " }}",
        "{{ " + "(" * 3000 + ")" * 3000 + " }}",
    ],
)
def test_what_a_template_may_not_do_is_a_fault_that_names_it(render: Render, source: str) -> None:
    with pytest.raises(TemplateFault) as fault:
        render(source)
    assert fault.value.template.endswith(".txt.j2")
    assert "object at 0x" not in str(fault.value)


GREEDY = [
    "{% for a in data.lines %}" * 6 + "x" + "{% endfor %}" * 6,
    "{% for a in data.lines %}" * 6 + "{% set b = a %}" + "{% endfor %}" * 6,
    "{% set a = 'x' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
    "{% set a %}xxxxxxxxxx{% endset %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 40 + "{{ a }}",
    "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m(n) %}{% if n > 0 %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}",
    "{% include 'mail/probe.txt.j2' %}{% include 'mail/probe.txt.j2' %}",
    "{% set n = (n | default(40)) - 1 %}{% if n > 0 %}" + "{% include 'mail/probe.txt.j2' %}" * 2 + "{% endif %}",
    "{% for a in data.lines %}{% for b in data.lines %}{% for c in data.lines %}"
    + "long " * 2000
    + "{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in [" + "1," * 10_000 + "] %}" + "{% for b in [" + "1," * 5_000 + "] %}{% endfor %}{% endfor %}",
    "{{ 10000000000000000000000000000000 * 10000000000000000000000000000000 }}",
]


@pytest.mark.parametrize("source", GREEDY, ids=range(len(GREEDY)))
def test_a_greedy_template_is_stopped(render: Render, source: str) -> None:
    with pytest.raises(TemplateFault, match=r"does too much|without end|longer than|too large"):
        render(source)


@pytest.mark.parametrize(
    ("source", "part", "where"),
    [
        ("one\n{% include 'mail/probe.txt.j2' %}", "", ("mail/probe.txt.j2", 2)),
        ("\n\n{% include 'mail/part.txt.j2' %}", "{{ '' }}\n{% include 'mail/part.txt.j2' %}", ("mail/part.txt.j2", 2)),
        ("{% macro m() %}\nx{{ m() }}\n{% endmacro %}\n{{ m() }}", "", ("mail/probe.txt.j2", 2)),
    ],
)
def test_what_calls_or_includes_itself_is_told_with_the_line_that_does(
    render: Render, source: str, part: str, where: tuple[str, int]
) -> None:
    with pytest.raises(TemplateFault, match="calls or includes itself without end") as fault:
        render(source, part=part)
    assert (fault.value.template, fault.value.line) == where


def test_a_page_longer_than_half_a_megabyte_is_stopped(render: Render) -> None:
    facts = plain({"words": ["x" * 90_000] * 7})
    with pytest.raises(TemplateFault, match="512 Ki") as fault:
        render("one\n{% for each in words %}\n{{ each }}{% endfor %}", facts=facts)
    assert fault.value.line == 3


def test_what_templates_need_works(render: Render) -> None:
    source = (
        "{% set n = data.lines | length %}{{ n }} {{ contact.tags | join('; ') }} {{ 'yes' if n > 3 and 'a' in contact.tags }}"
        " {{ data.items }} {{ contact.delete }} {{ nothing | default('-') }} {{ 7 // 2 + 1.5 }} {{ 3 | number ~ '!' }}"
        "{% for x in contact.tags %} {{ loop.index }}/{{ loop.length }}{% if not loop.last %},{% endif %}{% endfor %}"
    )
    assert render(source) == "50 a; b yes goods a fact with a method's name - 4.5 3! 1/2, 2/2"


def test_html_is_escaped_by_the_templates_name_and_macros_are_not_escaped_twice(render: Render) -> None:
    facts = plain({"name": "<b>&"})
    source = "{% macro m(x) %}<i>{{ x }}</i>{% endmacro %}{{ m(name) }}{{ name ~ '<u>' }}{{ name | iso }}"
    assert render(source, "html", facts) == "<i>&lt;b&gt;&amp;</i>&lt;b&gt;&amp;&lt;u&gt;&lt;b&gt;&amp;"
    assert render(source, "txt", facts) == "<i><b>&</i><b>&<u><b>&"


def test_a_value_with_template_syntax_is_never_rendered_again(render: Render) -> None:
    facts = plain({"name": "{{ 7*7 }}{% include 'x' %}{subject}"})
    assert render("{% set a %}{{ name }}{% endset %}{{ a }}{{ a ~ name }}", facts=facts) == facts["name"] * 3


def test_a_fault_in_an_included_part_names_that_part_and_line(render: Render) -> None:
    with pytest.raises(TemplateFault) as fault:
        render("one\n{% include 'mail/part.txt.j2' %}", part="a\nb\n{{ data.gone }}\n")
    assert (fault.value.template, fault.value.line, fault.value.variable) == ("mail/part.txt.j2", 3, "gone")


def test_what_a_part_sets_in_one_language_does_not_reach_the_next_reader(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "part.txt.j2").write_text(
        "{% set label = t('heading') %}{% macro m(obj) %}{{ obj }}{% endmacro %}"
    )
    source = "{% from 'mail/part.txt.j2' import label, m %}{{ m(obj=label) }}"
    (tmp_path / "mail" / "probe.txt.j2").write_text(source)
    texts, renderer = Texts(Resources()), Renderer(Resources([tmp_path]), STYLE)
    said = [
        renderer.render(
            "mail/probe.txt.j2", {}, words=texts.choose(tag, "", "mail.confirm"), section="mail.confirm",
            zone=zone_named("", "UTC"),
        )
        for tag in ("en", "he", "en")
    ]  # fmt: skip
    assert said == ["Is this your address?", "הכתובת הזו שלך?", "Is this your address?"]


class Contact:
    name = "Ann"

    def delete(self) -> None:
        raise AssertionError("a template ran a method")


@pytest.mark.parametrize("value", [Contact(), {"contact": Contact()}, [len], float("nan"), b"octets", iter([])])
def test_only_plain_data_passes(value: object) -> None:
    with pytest.raises(PlainError):
        plain(value)


def test_deep_wide_and_long_facts_are_refused() -> None:
    deep: Any = "x"
    for _ in range(30):
        deep = [deep]
    endless: list[Any] = []
    endless.append(endless)
    for value in (deep, endless, ["x"] * 30_000, "x" * 200_000):
        with pytest.raises(PlainError):
            plain(value)


def test_a_users_template_stands_in_for_ours_and_their_words_are_laid_over_ours(tmp_path: Path) -> None:
    (tmp_path / "i18n").mkdir()
    (tmp_path / "mail").mkdir()
    (tmp_path / "i18n" / "fr.toml").write_text(
        '[locale]\nname = "Français"\ndirection = "ltr"\nalso = ["frc"]\n[common]\nwhy = "{shop}"\n'
    )
    (tmp_path / "mail" / "confirm.toml").write_text('[en]\nheading = "Really?"\n[fr]\nsubject = "Confirmez {list}"\n')
    composer = make_composer(tmp_path)
    english = composer.texts.choose("en-GB", "", "mail.confirm")
    assert english.phrase("mail.confirm", "heading").plain == ("Really?",)
    assert english.phrase("mail.confirm", "button").plain == ("Yes, sign me up",)
    french = composer.texts.choose("frc", "", "mail.confirm")
    assert french.tag == "fr"
    assert french.phrase("mail.confirm", "subject").names == {"list"}
    assert composer.texts.choose("fr-CA", "he", "mail.order-thanks").tag == "he"


@pytest.mark.parametrize(
    "name", ["../secret", "mail/../../x", "/etc/passwd", "mail//x", "", ".hidden", "mail/x\n", "MAIL"]
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ResourceError):
        Resources([tmp_path]).read(name)


def test_a_link_out_of_the_folder_and_a_huge_file_are_refused(tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "mail").mkdir(parents=True)
    (tmp_path / "secret").write_text("key")
    (own / "mail" / "link.txt.j2").symlink_to(tmp_path / "secret")
    (own / "mail" / "huge.txt.j2").write_text("x" * (FILE_MAX + 1))
    (own / "mail" / "binary.txt.j2").write_bytes(b"\xff\xfe")
    for name, why in (("link", "leads out"), ("huge", "larger than 64 KiB"), ("binary", "can't be read")):
        with pytest.raises(ResourceError, match=why):
            Resources([own]).read(f"mail/{name}.txt.j2")


def test_of_a_huge_file_no_more_is_read_than_tells_that_it_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "huge.txt.j2").touch()
    os.truncate(tmp_path / "mail" / "huge.txt.j2", 256 * FILE_MAX)
    tracemalloc.start()
    try:
        with pytest.raises(ResourceError, match="larger than 64 KiB"):
            Resources([tmp_path]).read("mail/huge.txt.j2")
        assert tracemalloc.get_traced_memory()[1] < 16 * FILE_MAX
    finally:
        tracemalloc.stop()
