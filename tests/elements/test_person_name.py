import copy
import pickle

import pytest

from hounsfield.elements.person_name import PersonName


def test_groups_and_parts() -> None:
    name = PersonName("Yamada^Tarou^M^Dr^Jr=山田^太郎=やまだ^たろう")
    assert name.components == ("Yamada^Tarou^M^Dr^Jr", "山田^太郎", "やまだ^たろう")
    assert (name.alphabetic, name.ideographic, name.phonetic) == name.components
    assert (name.family_name, name.given_name, name.middle_name) == ("Yamada", "Tarou", "M")
    assert (name.name_prefix, name.name_suffix) == ("Dr", "Jr")
    assert name.ideographic.family_name == "山田"
    assert name.phonetic.given_name == "たろう"
    assert name.family_comma_given() == "Yamada, Tarou"


@pytest.mark.parametrize("text", ["", "Adams", "Adams^", "=山田", "a=b=c=d", "^^^^^^"])
def test_missing_parts_are_empty(text: str) -> None:
    name = PersonName(text)
    assert name.name_suffix == ""
    assert name.given_name == ""
    assert name.components == (tuple(text.split("=")) if text else ())
    assert name.phonetic == (text.split("=")[2] if text.count("=") > 1 else "")


def test_it_is_the_text() -> None:
    name = PersonName("Adams^John")
    assert name == "Adams^John"
    assert hash(name) == hash("Adams^John")
    assert str(name) == f"{name}" == "Adams^John"
    assert repr(name) == "'Adams^John'"
    assert not PersonName("")
    for other in (pickle.loads(pickle.dumps(name)), copy.deepcopy(name)):
        assert other == name
        assert isinstance(other, PersonName)
