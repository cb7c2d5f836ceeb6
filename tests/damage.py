"""What may become of a file from outside, between two runs that both need it."""

from pathlib import Path


def changes(at):
    """Give each by its name, which takes a path. The other byte stands `at` bytes before the end."""

    def other(path):
        data = path.read_bytes()
        path.write_bytes(data[:-at] + b"\xff" + data[1 - at :])

    return {
        "removed": Path.unlink,
        "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
        "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
        "empty": lambda path: path.write_bytes(b""),
        "other": other,
    }
