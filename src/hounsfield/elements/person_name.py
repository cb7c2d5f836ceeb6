"""The names of people (PS3.5 Section 6.2.1)."""

__all__ = ["PersonName"]


class PersonName(str):
    r"""A person's name: the text as it stands, and the parts it is made of.

    A name has up to three component groups parted by `=`: alphabetic, ideographic and phonetic. Each group
    has up to five components parted by `^`: family name, given name, middle name, prefix and suffix.
    `family_name` and the like are of the alphabetic group; each group is a `PersonName` too, so
    that `name.ideographic.family_name` reads as one would hope.

    Examples
    --------
    >>> name = PersonName("Yamada^Tarou=山田^太郎=やまだ^たろう")
    >>> name.family_name, name.ideographic.given_name
    ('Yamada', '太郎')
    """

    __slots__ = ()

    @property
    def components(self) -> tuple[str, ...]:
        """The component groups that are there, in the order alphabetic, ideographic, phonetic."""
        return tuple(self.split("=")) if self else ()

    def _group(self, index: int) -> "PersonName":
        groups = self.split("=", 3)
        return PersonName(groups[index]) if index < len(groups) else PersonName()

    def _part(self, index: int) -> str:
        parts = self.partition("=")[0].split("^")
        return parts[index] if index < len(parts) else ""

    @property
    def alphabetic(self) -> "PersonName":
        """The first component group; empty if it is not there."""
        return self._group(0)

    @property
    def ideographic(self) -> "PersonName":
        """The second component group; empty if it is not there."""
        return self._group(1)

    @property
    def phonetic(self) -> "PersonName":
        """The third component group; empty if it is not there."""
        return self._group(2)

    @property
    def family_name(self) -> str:
        """First component of the first group."""
        return self._part(0)

    @property
    def given_name(self) -> str:
        """Second component of the first group."""
        return self._part(1)

    @property
    def middle_name(self) -> str:
        """Third component of the first group."""
        return self._part(2)

    @property
    def name_prefix(self) -> str:
        """Fourth component of the first group."""
        return self._part(3)

    @property
    def name_suffix(self) -> str:
        """Fifth component of the first group."""
        return self._part(4)

    def family_comma_given(self) -> str:
        """Give the name as "Family, Given"."""
        return f"{self.family_name}, {self.given_name}"
