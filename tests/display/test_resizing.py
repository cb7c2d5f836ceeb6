"""Images in frames: which part of the image, to which part of the frame."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield.display.resizing import FITS, Box, Fit, fit
from hounsfield.errors import OptionError


@pytest.mark.parametrize(
    ("image", "size", "mode", "source", "target"),
    [
        ((512, 512), (224, 224), "letterbox", (0, 0, 512, 512), (0, 0, 224, 224)),
        ((512, 256), (224, 224), "letterbox", (0, 0, 512, 256), (0, 56, 224, 112)),
        ((256, 512), (224, 224), "letterbox", (0, 0, 256, 512), (56, 0, 112, 224)),
        ((10, 10), (20, 31), "letterbox", (0, 0, 10, 10), (0, 5, 20, 20)),  # 11 columns of border: 5 and 6
        ((3, 1000), (8, 8), "letterbox", (0, 0, 3, 1000), (3, 0, 1, 8)),  # a row at least
        ((2, 5), (5, 5), "letterbox", (0, 0, 2, 5), (1, 0, 2, 5)),
        ((5, 4), (2, 2), "letterbox", (0, 0, 5, 4), (0, 0, 2, 2)),  # 1.6 columns
        ((512, 256), (224, 224), "crop", (128, 0, 256, 256), (0, 0, 224, 224)),
        ((7, 4), (2, 2), "crop", (1, 0, 4, 4), (0, 0, 2, 2)),
        ((100, 60), (20, 30), "crop", (30, 0, 40, 60), (0, 0, 20, 30)),
        ((512, 256), (10, 99), "stretch", (0, 0, 512, 256), (0, 0, 10, 99)),
    ],
)
def test_fit(image, size, mode, source, target):
    assert fit(*image, size, mode) == Fit(Box(*source), Box(*target))


def test_letterbox_is_the_default():
    assert fit(4, 8, (4, 4)) == fit(4, 8, (4, 4), "letterbox")


lengths = st.integers(1, 70_000)


@given(image=st.tuples(lengths, lengths), size=st.tuples(lengths, lengths), mode=st.sampled_from(FITS))
def test_any_sizes(image, size, mode):
    source, target = fit(*image, size, mode)
    for box, (rows, columns) in ((source, image), (target, size)):
        assert box.rows >= 1
        assert box.columns >= 1
        assert 0 <= box.top <= box.top + box.rows <= rows
        assert 0 <= box.left <= box.left + box.columns <= columns
        assert 0 <= (rows - box.rows) - 2 * box.top <= 1
        assert 0 <= (columns - box.columns) - 2 * box.left <= 1
    if mode != "crop":
        assert source == (0, 0, *image)
    if mode != "letterbox":
        assert target == (0, 0, *size)
    part, whole = {"letterbox": (target, size), "crop": (source, image)}.get(mode, (target, size))
    assert part.rows == whole[0] or part.columns == whole[1]
    # The proportions are right to half a pixel of what was rounded.
    goal = image if mode == "letterbox" else size
    if mode != "stretch" and part.rows == whole[0]:
        assert part.columns == min(max(part.rows * goal[1] / goal[0], 1), whole[1]) or (
            abs(part.columns - part.rows * goal[1] / goal[0]) <= 0.5 + 1e-9
        )
    elif mode != "stretch":
        assert part.rows == 1 or abs(part.rows - part.columns * goal[0] / goal[1]) <= 0.5 + 1e-9


def test_slices_are_views():
    image = np.arange(60).reshape(5, 4, 3)
    part = image[Box(1, 2, 3, 1).slices]
    assert part.shape == (3, 1, 3)
    assert np.shares_memory(part, image)


@pytest.mark.parametrize("sizes", [(0, 4, (4, 4)), (4, 0, (4, 4)), (4, 4, (0, 4)), (4, 4, (4, -1))])
def test_empty_sizes(sizes):
    with pytest.raises(OptionError, match="1 x 1"):
        fit(*sizes)


def test_unknown_mode():
    with pytest.raises(OptionError, match="letterbox, crop, stretch"):
        fit(4, 4, (2, 2), "pad")
