"""A mail that could not be written is found before anybody waits for it, with every fault and its place."""

import tracemalloc
from pathlib import Path

import pytest
from mail_shop import compose, make_composer

from engine.sending.checking import check_mails, mail_names, own_faults
from engine.sending.render import TemplateFault
from engine.sending.resources import Resources


def own(folder: Path, **files: str) -> Resources:
    (folder / "mail").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "mail" / f"{name.replace('_', '-').replace('--', '.')}.j2").write_text(text, encoding="utf-8")
    return Resources([folder])


def test_every_mail_that_ships_is_all_right() -> None:
    assert mail_names(Resources())
    assert check_mails(Resources()) == []


def test_all_faults_come_at_once_each_with_its_place(tmp_path: Path) -> None:
    resources = own(
        tmp_path,
        order_thanks__html='{% extends "base/mail.html.j2" %}{% block content %}\n\n'
        '{{ contct.name }}{{ t("nokey") }}{% endblock %}',
        order_thanks__txt="{% if x",
    )
    faults = [str(fault) for fault in check_mails(resources, ["order-thanks"])]
    assert any("mail/order-thanks.html.j2:3: contct" in fault and "did you mean contact?" in fault for fault in faults)
    assert any("order-thanks.txt.j2:1:" in fault for fault in faults)
    assert sum("nokey" in fault for fault in faults) >= 2  # in English and in Hebrew


def test_expressions_that_no_facts_can_mend_are_faults(tmp_path: Path) -> None:
    text = "{{ contact.segments | length }}\n{{ contact.nmae }}\n{{ contact.name.__class__ }}{{ 'a' + 'b' }}"
    faults = [str(each) for each in check_mails(own(tmp_path, order_thanks__txt=text), ["order-thanks"])]
    assert [each.split(": ")[0].rpartition(":")[2] for each in faults] == ["3", "2", "3"]
    assert "contact.nmae is nothing that is known of a contact (did you mean name?)" in faults[1]


def test_what_an_expression_would_make_is_never_made(tmp_path: Path) -> None:
    resources = own(tmp_path, order_thanks__txt='{{ "x" * 200000000 }}{% if "y" * 200000000 %}{% endif %}')
    tracemalloc.start()
    try:
        faults = check_mails(resources, ["order-thanks"])
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()
    assert [each.line for each in faults] == [1, 1] and "* is for numbers" in faults[0].problem


def test_a_file_that_is_not_there_is_told_where_it_is_named(tmp_path: Path) -> None:
    resources = own(tmp_path, order_thanks__txt='one\n{% include "../../../../etc/passwd" %}')
    (fault,) = check_mails(resources, ["order-thanks"])
    assert str(fault).startswith('mail/order-thanks.txt.j2:2: "../../../../etc/passwd" is no template name')


def test_a_file_that_includes_itself_is_told_with_the_line_that_does(tmp_path: Path) -> None:
    resources = own(tmp_path, order_thanks__txt='one\n{% include "mail/order-thanks.txt.j2" %}')
    (fault,) = check_mails(resources, ["order-thanks"])
    assert str(fault) == ("mail/order-thanks.txt.j2:2: mail/order-thanks.txt.j2 includes itself: it would never end")
    turn = '\n\n{% include "mail/order-thanks.txt.j2" %}'
    resources = own(tmp_path, order_thanks__txt='{% include "mail/turn.txt.j2" %}', turn__txt=turn)
    (fault,) = check_mails(resources, ["order-thanks"])
    assert (fault.file, fault.line) == ("mail/turn.txt.j2", 3)
    assert fault.problem == "mail/order-thanks.txt.j2 includes itself by mail/turn.txt.j2: it would never end"


DEEP = {
    "parentheses": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "conditions": "{% if 1 %}" * 110 + "{% endif %}" * 110,
    "loops": "{% for a in [1] %}" * 25 + "{% endfor %}" * 25,
}


@pytest.mark.parametrize("part", DEEP.values(), ids=DEEP.keys())
def test_a_part_that_is_nested_too_deeply_is_told_itself_and_not_whoever_includes_it(tmp_path: Path, part: str) -> None:
    text = '{% block subject %}x{% endblock %}\n{% include "mail/part.txt.j2" %}'
    resources = own(tmp_path, order_thanks__txt=text, part__txt=f"one\n\n{part}")
    assert [str(each) for each in check_mails(resources, ["order-thanks"])] == [
        "mail/part.txt.j2:3: it is nested too deeply"
    ]
    with pytest.raises(TemplateFault) as fault:
        compose("order-thanks", composer=make_composer(tmp_path))
    assert (fault.value.template, fault.value.line, fault.value.why) == (
        "mail/part.txt.j2",
        3,
        "it is nested too deeply",
    )


def test_an_included_file_sees_what_stands_around_its_include_and_nothing_else(tmp_path: Path) -> None:
    text = (
        '{% block subject %}x{% endblock %}{% set sign = "-" %}\n'
        '{% for item in data.lines %}{% include "mail/row.txt.j2" %}{% endfor %}{% for other in data.lines %}{% endfor %}'
    )
    resources = own(tmp_path, order_thanks__txt=text, row__txt="{{ sign }} {{ item.name }}")
    assert check_mails(resources, ["order-thanks"]) == []
    (fault,) = check_mails(own(tmp_path, row__txt="{{ sign }}\n{{ other.name }}"), ["order-thanks"])
    assert str(fault).startswith("mail/row.txt.j2:2: other is nothing that a mail is given")


def test_words_that_an_included_file_lacks_name_the_line_that_includes_it(tmp_path: Path) -> None:
    text = '{% block subject %}x{% endblock %}\n{% include "mail/row.txt.j2" %}'
    faults = check_mails(own(tmp_path, order_thanks__txt=text, row__txt='{{ t("nokey") }}'), ["order-thanks"])
    told = 'mail/row.txt.j2:1: the texts in "en" have no nokey for mail.order-thanks (included at mail/order-thanks.txt.j2:2)'
    assert told in map(str, faults)


def test_a_part_that_a_file_does_not_have_is_told_where_it_is_asked_for(tmp_path: Path) -> None:
    text = '{% block subject %}x{% endblock %}\n{% from "base/parts.txt.j2" import buton, greeting as hello %}'
    (fault,) = check_mails(own(tmp_path, order_thanks__txt=text), ["order-thanks"])
    assert str(fault) == "mail/order-thanks.txt.j2:2: base/parts.txt.j2 has no buton (did you mean button?)"


def test_a_block_that_what_it_extends_has_no_place_for_is_told_with_those_that_it_has(tmp_path: Path) -> None:
    subject, inner = (
        "{% block subject %}x{% endblock %}",
        "{% block content %}{% block mine %}x{% endblock %}{% endblock %}",
    )
    above = '{% extends "base/mail.txt.j2" %}{% block content %}{% block lines %}{% endblock %}{% endblock %}'
    resources = own(
        tmp_path,
        order_thanks__html='{% extends "base/mail.html.j2" %}\n\n{% if data %}{% block contnet %}x{% endblock %}{% endif %}',
        order_thanks__txt=f'{{% extends "mail/above.txt.j2" %}}{subject}\n{{% block line %}}x{{% endblock %}}\n{inner}',
        above__txt=above,
    )
    assert [str(fault) for fault in check_mails(resources, ["order-thanks"])] == [
        "mail/order-thanks.html.j2:3: base/mail.html.j2 has no block contnet, so nobody sees it (did you mean content? there are:"
        " data, preheader, above, heading, content, why)",
        "mail/order-thanks.txt.j2:2: mail/above.txt.j2 has no block line, so nobody sees it (did you mean lines? there are:"
        " content, lines, above, heading, why, subject)",
    ]


def test_a_text_without_a_subject_is_told_and_one_that_extends_it_is_not(tmp_path: Path) -> None:
    resources = own(tmp_path, order_thanks__txt='{% extends "base/mail.txt.j2" %}')
    (fault,) = check_mails(resources, ["order-thanks"])
    told = 'it has no subject: write {% block subject %}{{ t("subject") }}{% endblock %}'
    assert str(fault) == f"mail/order-thanks.txt.j2: {told}"
    with pytest.raises(TemplateFault, match=r"order-thanks\.txt\.j2 \(en\): it has no subject: write"):
        compose("order-thanks", composer=make_composer(tmp_path))
    above = "{% block subject %}x{% endblock %}"
    assert (
        check_mails(
            own(tmp_path, order_thanks__txt='{% extends "mail/above.txt.j2" %}', above__txt=above), ["order-thanks"]
        )
        == []
    )


def test_a_mail_without_its_other_part_and_its_words_is_one_that_is_not_finished(tmp_path: Path) -> None:
    resources = own(tmp_path, lonely__html="hello")
    lacks = "mail/lonely: is not finished: there is no lonely.toml and no lonely.txt.j2 (`posthouse mail new` writes all three)"
    assert [str(fault) for fault in check_mails(resources, ["lonely"])] == [lacks]
    assert [str(fault) for fault in own_faults(resources)] == [lacks]


def test_where_no_mail_is_one_s_own_none_of_them_is_at_fault(tmp_path: Path) -> None:
    assert own_faults(own(tmp_path)) == []


@pytest.mark.parametrize(
    "text", ["{% include 'base/nothing.html.j2' %}", "{{ 1 + }}", "{% endfor %}", "{{ x | nofilter }}"]
)
def test_what_can_not_be_parsed_or_found_is_a_fault_and_no_crash(tmp_path: Path, text: str) -> None:
    assert check_mails(own(tmp_path, order_thanks__html=text), ["order-thanks"])


def test_a_mail_without_words_is_told_of_once(tmp_path: Path) -> None:
    resources = own(tmp_path, lost__html="x", lost__txt="{% block subject %}x{% endblock %}")
    assert [str(each) for each in check_mails(resources, ["lost"])] == [
        "mail/lost: is not finished: there is no lost.toml (`posthouse mail new` writes all three)"
    ]
