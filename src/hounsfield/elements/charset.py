"""From bytes to text, by Specific Character Set (PS3.3 C.12.1.1.2, PS3.5 Section 6.1).

`encodings` turns the element's terms into Python codecs, and `decode_text` applies them. Text
without code extensions is one call of a codec. With them (ISO 2022), escape sequences choose
what the byte values below 128 (code element G0) and above (G1) mean from there on:

    ESC ( B        G0  ASCII                   ESC $ ) C   G1  KS X 1001
    ESC ( J        G0  JIS X 0201 romaji       ESC $ ) A   G1  GB 2312
    ESC $ B        G0  JIS X 0208              ESC ) I     G1  JIS X 0201 katakana
    ESC $ ( D      G0  JIS X 0212              ESC - x     G1  a part of ISO 8859, or TIS 620

Each is in force up to the next one, or to a delimiter.
"""

import codecs
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from hounsfield.errors import OptionError

__all__ = [
    "DEFAULT",
    "LINE_DELIMITERS",
    "NAME_DELIMITERS",
    "VALUE_DELIMITERS",
    "decode_text",
    "encodings",
    "override",
]

DEFAULT = ("latin_1",)
"""What the default repertoire, ISO-IR 6, is read with: ASCII, and a guess for the bytes that it lacks."""

LINE_DELIMITERS = b"\t\n\f\r"
VALUE_DELIMITERS = LINE_DELIMITERS + b"\\"
NAME_DELIMITERS = VALUE_DELIMITERS + b"^="

# The digits are the registration number, ISO_IR 100 and ISO 2022 IR 100 being read alike.
CODECS = {
    "6": DEFAULT[0],
    "13": "shift_jis",
    "58": "gb2312",
    "87": "iso2022_jp",
    "100": "iso8859_1",  # the same codec as the default's, but a set that the data did name
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "126": "iso8859_7",
    "127": "iso8859_6",
    "138": "iso8859_8",
    "144": "iso8859_5",
    "148": "iso8859_9",
    "149": "euc_kr",
    "159": "iso2022_jp_2",
    "166": "tis_620",
    "192": "utf_8",
    "203": "iso8859_15",
}
STAND_ALONE = {"ISO_IR 192": "utf_8", "GB18030": "gb18030", "GBK": "gbk"}
STAND_ALONE_CODECS = frozenset(STAND_ALONE.values())
DEFINED_TERMS = (
    {"": DEFAULT[0]}
    | STAND_ALONE
    | {f"ISO 2022 IR {number}": codec for number, codec in CODECS.items() if number != "192"}
    | {
        f"ISO_IR {number}": codec
        for number, codec in CODECS.items()
        if number not in ("58", "87", "149", "159")
    }
)

# Python's codecs for G0 want the escape sequence before the bytes; those for G1 know ASCII as well.
G0_CODECS = {b"(B": None, b"(J": None, b"$B": "iso2022_jp", b"$(D": "iso2022_jp_2"}
G1_CODECS = {
    b")I": "shift_jis",
    b"-A": "iso8859_1",
    b"-B": "iso8859_2",
    b"-C": "iso8859_3",
    b"-D": "iso8859_4",
    b"-F": "iso8859_7",
    b"-G": "iso8859_6",
    b"-H": "iso8859_8",
    b"-L": "iso8859_5",
    b"-M": "iso8859_9",
    b"-T": "tis_620",
    b"-b": "iso8859_15",
    b"$)A": "gb2312",
    b"$)C": "euc_kr",
}


def ignore(message: str) -> None:
    """Take a report of a problem, and do nothing."""


def encodings(terms: str | Sequence[str] | None, problem: Callable[[str], None] = ignore) -> tuple[str, ...]:
    """Find the Python codecs for the values of Specific Character Set (0008,0005).

    Parameters
    ----------
    terms : str, sequence of str or None
        The element's values; None and "" mean the default repertoire.
    problem : callable
        Is told, in a sentence, of each term that is not as PS3.3 C.12.1.1.2 has it.

    Returns
    -------
    tuple of str
        One or more names of codecs, for `decode_text`. A misspelt term is understood where it can be;
        one that means nothing counts as the default repertoire.
    """
    if not terms:
        return DEFAULT
    if isinstance(terms, str):
        terms = (terms,)
    found = [DEFINED_TERMS.get(term) or _misspelt(term, problem) for term in terms]
    if len(found) > 1 and not STAND_ALONE_CODECS.isdisjoint(found):
        problem(f"Specific Character Set {list(terms)}: UTF-8, GB18030 and GBK allow no others beside them")
        if found[0] in STAND_ALONE_CODECS:
            return (found[0],)
        found = [codec for codec in found if codec not in STAND_ALONE_CODECS]
    return tuple(found)


def override(terms: str | Sequence[str]) -> bytes:
    """Give the value of Specific Character Set that has the terms that a caller names.

    Raises
    ------
    OptionError
        One of them is unknown.
    """
    terms = (terms,) if isinstance(terms, str) else tuple(terms)
    for term in terms:
        if not isinstance(term, str):
            raise TypeError(f"character_set is a term or several, each of them text, unlike {term!r}")
        if term not in DEFINED_TERMS and _codec(term) is None:
            raise OptionError(f"the character set {term!r} is unknown: PS3.3 C.12.1.1.2 has the terms")
    return "\\".join(terms).encode()


def _misspelt(term: str, problem: Callable[[str], None]) -> str:
    codec = _codec(term)
    if codec is None:
        problem(f"Specific Character Set {term[:32]!r} is unknown; read as the default repertoire")
        return DEFAULT[0]
    problem(f"Specific Character Set {term[:32]!r} is not a defined term; read as {codec}")
    return codec


def _codec(term: str) -> str | None:
    """Find what a term that is not as the standard has it may mean."""
    letters = re.sub("[^A-Z0-9]", "", term.upper())
    match = re.fullmatch("(?:ISO)?(?:2022)?(?:IR)?([0-9]+)", letters)
    codec = (
        CODECS.get(match[1]) if match else STAND_ALONE.get(letters.removeprefix("ISO").removeprefix("2022"))
    )
    if codec is None and re.fullmatch(
        "(?:UTF|LATIN|ISO|ASCII|WINDOWS|CP|SHIFTJIS|EUC|BIG|KOI)[A-Z0-9]*", letters
    ):
        try:
            # Python's own names are ASCII: it leaves out the rest, and warns of it from 3.15 on.
            codec = codecs.lookup(term.strip().encode("ascii", "ignore").decode()).name
        except (LookupError, ValueError):
            return None
    return codec


def decode_text(
    raw: bytes,
    names: tuple[str, ...],
    delimiters: bytes = VALUE_DELIMITERS,
    problem: Callable[[str], None] = ignore,
) -> str:
    r"""Decode text that Specific Character Set applies to (PS3.5 Section 6.1.2).

    Parameters
    ----------
    raw : bytes
        Of one element, all of its values.
    names : tuple of str
        From `encodings`. An escape sequence is understood whether or not its set is among them.
    delimiters : bytes
        The ASCII characters before which a set chosen by an escape sequence ends:
        `NAME_DELIMITERS` for PN, `LINE_DELIMITERS` for ST, LT and UT, and `VALUE_DELIMITERS` for the others.
    problem : callable
        Is told, in a sentence, of bytes and escape sequences that mean nothing.

    Returns
    -------
    str
        Not stripped and not split. A byte that means nothing becomes U+FFFD.
    """
    initial = names[0]
    if b"\x1b" not in raw or initial in STAND_ALONE_CODECS:
        try:
            text = raw.decode(initial)
        except UnicodeDecodeError:
            return _decode_what_can_be(raw, initial, problem)
        if not text.isascii() and initial == DEFAULT[0]:
            problem("the text has bytes above 127, and no character set is given for them; read as Latin-1")
        return text
    first, *pieces = raw.split(b"\x1b")
    parts = [_decode(first, initial, problem)]
    g0: bytes | None = None
    g1 = initial
    for piece in pieces:
        escape = piece[: 3 if piece[1:2] in b"()" and piece[:1] == b"$" else 2]
        if escape in G0_CODECS:
            g0 = escape if G0_CODECS[escape] else None
        elif escape in G1_CODECS:
            g1 = G1_CODECS[escape]
        else:
            problem(f"the escape sequence ESC {escape.decode('latin_1')!r} is unknown")
            parts.append("\x1b")
            escape = b""
        body = piece[len(escape) :]
        if g0 is not None:
            end = _delimiter(body, LINE_DELIMITERS)
            parts += _decode_two_sets(body[:end], g0, g1, problem)
        else:
            end = _delimiter(body, delimiters)
            parts.append(_decode(body[:end], g1, problem))
        if end < len(body):
            g0 = None
            # Where the first term names no set for G1, the last one is as good a guess as any for its bytes.
            if initial != DEFAULT[0]:
                g1 = initial
            parts.append(_decode(body[end:], g1, problem))
    return "".join(parts)


def _delimiter(body: bytes, delimiters: bytes) -> int:
    """Give the position of the first delimiter, or the length."""
    match = _pattern(delimiters).search(body)
    return match.start() if match else len(body)


@lru_cache
def _pattern(delimiters: bytes) -> re.Pattern[bytes]:
    return re.compile(b"[" + re.escape(delimiters) + b"]")


def _decode_two_sets(body: bytes, g0: bytes, g1: str, problem: Callable[[str], None]) -> list[str]:
    """Decode with a set of two bytes a character in G0; spaces and controls stay what they are."""
    codec = G0_CODECS[g0]
    return [
        _decode(b"\x1b" + g0 + run, codec, problem)
        if codec and b"!" <= run[:1] <= b"~"
        else _decode(run, g1, problem)
        for run in re.findall(rb"[!-~]+|[^!-~]+", body)
    ]


def _decode(raw: bytes, codec: str, problem: Callable[[str], None]) -> str:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return _decode_what_can_be(raw, codec, problem)


def _decode_what_can_be(raw: bytes, codec: str, problem: Callable[[str], None]) -> str:
    problem(f"some bytes mean nothing in {codec}")
    return raw.decode(codec, "replace")
