"""Character sets: every defined term, code extensions, and what is wrong in the wild (PS3.3 C.12.1.1.2)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.charset import convert_encodings, encode_string
from pydicom.multival import MultiValue

import hounsfield as hu
from hounsfield.elements.charset import (
    DEFAULT,
    LINE_DELIMITERS,
    NAME_DELIMITERS,
    VALUE_DELIMITERS,
    decode_text,
    encodings,
)


def decode(raw: bytes, *terms: str, delimiters: bytes = VALUE_DELIMITERS) -> tuple[str, list[str]]:
    problems: list[str] = []
    names = encodings(terms, problems.append)
    return decode_text(raw, names, delimiters, problems.append), problems


@pytest.mark.parametrize("terms", [None, "", (), ("",), "ISO_IR 6", ("ISO 2022 IR 6",)])
def test_default_repertoire(terms: str | tuple[str, ...] | None) -> None:
    problems: list[str] = []
    assert encodings(terms, problems.append) == DEFAULT
    assert decode_text(b"Adams^John", DEFAULT, problem=problems.append) == "Adams^John"
    assert not problems
    assert decode_text(b"J\xf6rg", DEFAULT, problem=problems.append) == "Jörg"
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("number", "raw", "expected"),
    [
        (13, b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        (100, b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        (101, b"Wa\xb3\xeasa", "Wałęsa"),
        (109, b"\xa6a\xfeirka\xfd\xf8", "Ĥaŝirkaŭĝ"),
        (110, b"\xbe\xaaak", "žĒak"),
        (126, b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"),
        (127, b"\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", "قباني^لنزار"),
        (138, b"\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה"),
        (144, b"\xbb\xee\xdace\xdc\xd1yp\xd3", "Люкceмбypг"),  # noqa: RUF001
        (148, b"\xc7avu\xfeo\xf0lu", "Çavuşoğlu"),
        (166, b"\xca\xc1\xaa\xd2\xc2", "สมชาย"),
        (203, b"\xa4 \xbd\xbeuvre", "€ œŸuvre"),
    ],
)
def test_single_byte_sets(number: int, raw: bytes, expected: str) -> None:
    assert decode(raw, f"ISO_IR {number}") == (expected, [])
    assert decode(raw, f"ISO 2022 IR {number}") == (expected, [])


@pytest.mark.parametrize(
    ("term", "raw", "expected"),
    [
        # PS3.5 Annex J and K
        ("ISO_IR 192", b"Wang^XiaoDong=\xe7\x8e\x8b^\xe5\xb0\x8f\xe6\x9d\xb1=", "Wang^XiaoDong=王^小東="),
        ("GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="),
        ("GBK", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="),
        # A backslash may be the second byte of a character.
        ("GB18030", "誠\\誠".encode("gb18030"), "誠\\誠"),
    ],
)
def test_sets_that_stand_alone(term: str, raw: bytes, expected: str) -> None:
    assert decode(raw, term) == (expected, [])


@pytest.mark.parametrize(
    ("terms", "raw", "expected"),
    [
        # PS3.5 Annex H.3.1, H.3.2 and I.2
        (
            ("", "ISO 2022 IR 87"),
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ),
        (
            ("ISO 2022 IR 13", "ISO 2022 IR 87"),
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
        ),
        (
            ("", "ISO 2022 IR 149"),
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
            "Hong^Gildong=洪^吉洞=홍^길동",
        ),
        (
            ("", "ISO 2022 IR 58"),
            b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
            "Zhang^XiaoDong=张^小东=",
        ),
        (("", "ISO 2022 IR 87", "ISO 2022 IR 159"), b"\x1b$(D\x22\x2f\x1b(B a", "˘ a"),
        (
            ("", "ISO 2022 IR 100", "ISO 2022 IR 144", "ISO 2022 IR 126"),
            b"Dionysios \x1b-F\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2 \x1b-L\xbb\xee\xda \x1b-AJ\xe9r\xf4me",
            "Dionysios Διονυσιος Люк Jérôme",
        ),
        # Katakana in G1 while kanji are in G0
        (("ISO 2022 IR 13", "ISO 2022 IR 87"), b"\x1b$B;3\xd4ED\x1b(J", "山ﾔ田"),
    ],
)
def test_code_extensions(terms: tuple[str, ...], raw: bytes, expected: str) -> None:
    assert decode(raw, *terms, delimiters=NAME_DELIMITERS) == (expected, [])


@pytest.mark.parametrize("delimiter", ["^", "=", "\\", "\n", "\r", "\f", "\t"])
def test_a_delimiter_brings_the_first_set_back(delimiter: str) -> None:
    raw = b"\x1b-F\xc4" + delimiter.encode() + b"\xc4"
    terms = ("ISO 2022 IR 100", "ISO 2022 IR 126")
    assert decode(raw, *terms, delimiters=NAME_DELIMITERS) == (f"Δ{delimiter}Ä", [])
    ends_here = delimiter in LINE_DELIMITERS.decode()
    assert decode(raw, *terms, delimiters=LINE_DELIMITERS)[0] == (f"Δ{delimiter}{'Ä' if ends_here else 'Δ'}")


def test_bytes_of_delimiters_within_kanji_are_no_delimiters() -> None:
    text = "".join(f"\x1b$B{chr(row)}^".encode().decode("iso2022_jp") for row in range(0x30, 0x4F))
    assert decode(text.encode("iso2022_jp"), "", "ISO 2022 IR 87", delimiters=NAME_DELIMITERS) == (text, [])


def test_without_a_first_set_the_last_one_lasts() -> None:
    # Writers forget the escape sequence after ^; nothing else could be meant by these bytes.
    raw = b"\x1b$)C\xc8\xab^\xb1\xe6\xb5\xbf"
    assert decode(raw, "", "ISO 2022 IR 149", delimiters=NAME_DELIMITERS) == ("홍^길동", [])


def test_a_line_end_takes_back_kanji() -> None:
    assert decode(b"\x1b$B;3\r\n;3", "", "ISO 2022 IR 87") == ("山\r\n;3", [])


def test_padding_after_kanji_is_padding() -> None:
    assert decode(b"\x1b$B;3ED ", "", "ISO 2022 IR 87") == ("山田 ", [])


@pytest.mark.parametrize(
    ("term", "codec"),
    [
        ("ISO-IR 100", "iso8859_1"),
        ("ISO IR 100", "iso8859_1"),
        ("ISO_IR_100", "iso8859_1"),
        ("ISO_IR100", "iso8859_1"),
        ("iso_ir 100", "iso8859_1"),
        ("IR 100", "iso8859_1"),
        ("ISO2022 IR 87", "iso2022_jp"),
        ("ISO_IR 87", "iso2022_jp"),
        ("ISO 2022 IR 192", "utf_8"),
        ("UTF-8", "utf-8"),
        ("utf8", "utf-8"),
        ("UTF-8é", "utf-8"),
        ("latin1", "iso8859-1"),
        ("windows-1252", "cp1252"),
        ("GB 18030", "gb18030"),
        ("ISO 2022 GBK", "gbk"),
        ("ISO 2022 58", "gb2312"),
    ],
)
def test_misspelt_terms(term: str, codec: str) -> None:
    problems: list[str] = []
    assert encodings(term, problems.append) == (codec,)
    assert len(problems) == 1


@pytest.mark.parametrize(
    "term", ["ISO_IR 999", "nonsense", "\0", "zlib", "rot13", "utf\0", "iso-ir-" + "9" * 999, "cp0"]
)
def test_unknown_terms_fall_back(term: str) -> None:
    problems: list[str] = []
    assert encodings(term, problems.append) == DEFAULT
    assert len(problems) == 1


def test_sets_that_stand_alone_stand_alone() -> None:
    problems: list[str] = []
    assert encodings(("ISO_IR 192", "ISO 2022 IR 100"), problems.append) == ("utf_8",)
    assert encodings(("", "GB18030", "ISO 2022 IR 100"), problems.append) == (DEFAULT[0], "iso8859_1")
    assert len(problems) == 2


def test_bytes_that_mean_nothing_are_replaced_and_reported() -> None:
    assert decode(b"J\xf6rg", "ISO_IR 192")[0] == "J\ufffdrg"
    assert len(decode(b"J\xf6rg", "ISO_IR 192")[1]) == 1
    assert decode(b"\x1b$)C\xff!", "", "ISO 2022 IR 149")[0] == "\ufffd!"
    assert decode(b"a\x1bZb", "", "ISO 2022 IR 149") == (
        "a\x1bZb",
        ["the escape sequence ESC 'Zb' is unknown"],
    )


def test_files_in_all_sets(pydicom_path: Callable[[str], Path]) -> None:
    """Each of pydicom's files with a character set: its texts as pydicom has them, and no doubt of them."""

    def texts(ds: Any) -> list[Any]:
        found = []
        for element in ds:
            if element.VR == "SQ":
                found += [texts(item) for item in element.value]
            elif element.VR in ("PN", "LO", "SH", "LT", "ST", "UC", "UT"):
                values = element.value if isinstance(element.value, tuple | MultiValue) else (element.value,)
                found.append((int(element.tag), [str(value) for value in values]))
        return found

    paths = sorted(pydicom_path("chrH31.dcm").parent.glob("*.dcm"))
    assert len(paths) > 15
    for path in paths:
        ours, theirs = hu.read(path), pydicom.dcmread(path)
        theirs.decode()
        assert texts(ours) == texts(theirs), path.name
        assert [note for note in ours.warnings if "says that the group has" not in note] == [], path.name


REPERTOIRES = {
    ("", "ISO 2022 IR 149"): "홍길동金熙中 Kim",
    ("", "ISO 2022 IR 87"): "山田太郎やまだ Taro",
    ("ISO 2022 IR 13", "ISO 2022 IR 87"): "ﾔﾏﾀﾞ山田 Taro",
    ("ISO 2022 IR 100", "ISO 2022 IR 144", "ISO 2022 IR 126"): "éÅ ЛюΔι a",
    ("ISO 2022 IR 100", "ISO 2022 IR 148", "ISO 2022 IR 101"): "éşğŁa",
    ("ISO_IR 192",): "山éЛ홍a ",
    ("GB18030",): "山éЛ홍a ",
}


@given(st.data())
def test_what_pydicom_encodes_comes_back(data: st.DataObject) -> None:
    terms = data.draw(st.sampled_from(sorted(REPERTOIRES)))
    text = data.draw(st.text(alphabet=REPERTOIRES[terms], min_size=1, max_size=20))
    raw = encode_string(text, convert_encodings(list(terms)))
    assert decode(raw, *terms) == (text, [])


@given(
    st.lists(
        st.sampled_from(
            [b"\x1b", b"$", b"(", b")", b"-", b"B", b"J", b"C", b"\xc4", b"!", b"^", b"\n", b"\xff"]
        )
    ),
    st.sampled_from(sorted(REPERTOIRES)),
    st.sampled_from([LINE_DELIMITERS, VALUE_DELIMITERS, NAME_DELIMITERS]),
)
def test_no_bytes_make_it_raise(pieces: list[bytes], terms: tuple[str, ...], delimiters: bytes) -> None:
    decode(b"".join(pieces), *terms, delimiters=delimiters)
