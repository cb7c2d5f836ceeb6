"""The table that notebooks show."""

from html.parser import HTMLParser

import pytest

import hounsfield as hu


class Checker(HTMLParser):
    """Collects text and tags, and sees that each tag is closed where it should be."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], [], []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.seen.append(tag)
        assert not {"src", "href", "onclick"} & dict(attributes).keys()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def check(ds):
    checker = Checker()
    checker.feed(ds._repr_html_())
    checker.close()
    assert checker.open == []
    assert set(checker.seen) <= {"table", "thead", "tbody", "tr", "th", "td", "details", "summary", "p"}
    return checker


@pytest.mark.corpus(lambda file: file.path.name != "no_meta.dcm")
def test_every_file(corpus_file):
    ds = hu.read(corpus_file.path)
    checker = check(ds)
    count = sum(1 for _ in ds.walk())
    assert checker.seen.count("tr") - checker.seen.count("table") == min(count, 1000)
    assert checker.seen.count("p") == (count > 1000)


def test_values_and_items(pydicom_path):
    text = check(hu.read(pydicom_path("CT_small.dcm"))).text
    for expected in (
        "(0010,0010)",
        "PN",
        "Patient's Name",
        "[CompressedSamples^CT1]",
        "2 items",
        "Full fidelity",
    ):
        assert expected in text


def test_text_of_the_file_is_escaped():
    value = b"<script>alert(1)</script>&\x1b[31m"
    ds = hu.read(b"\x08\0\x60\0CS\2\0CT\x10\0\x20\0LO" + bytes((len(value), 0)) + value)
    assert "<script>" not in ds._repr_html_()
    assert "\x1b" not in ds._repr_html_()
    assert any("<script>alert(1)" in text for text in check(ds).text)


@pytest.mark.parametrize("broken", [b"\x08\0\5\0junk", b"\xfe\xff\0\xe0\x08\0\0\0\x08\0\1\0\xff\xff\xff\x7f"])
def test_what_cannot_be_read(broken):
    data = b"\x08\0\x60\0CS\2\0CT\x08\0\x40\x11SQ\0\0" + len(broken).to_bytes(4, "little") + broken
    checker = check(hu.read(data))
    assert any("cannot be read" in text for text in checker.text)


def test_many_items():
    item = b"\xfe\xff\0\xe0\x0a\0\0\0\x08\0\x60\0CS\2\0CT"
    value = item * 50_000
    ds = hu.read(b"\x08\0\x40\x11SQ\0\0" + len(value).to_bytes(4, "little") + value)
    html = ds._repr_html_()
    assert len(html) < 1_000_000
    assert "cut here, after 1000 elements" in html
    check(ds)
