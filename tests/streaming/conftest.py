"""Streams in loops of both kinds, and nothing left behind by any."""

import asyncio

import pytest

from streaming.work import collect, none_left


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert none_left()


@pytest.fixture
def ct(pydicom_path):
    return pydicom_path("CT_small.dcm")


@pytest.fixture
def frames(pydicom_path):
    return pydicom_path("rtdose_rle.dcm")  # 15 frames


@pytest.fixture(params=["sync", "async"])
def take(request):
    """Appends all items of a stream to a list, in a loop of either kind."""
    if request.param == "sync":
        return lambda stream, got: got.extend(stream)
    return lambda stream, got: asyncio.run(collect(stream, got))


@pytest.fixture
def items(take):
    """Gives all items of a stream, in a loop of either kind."""

    def collected(stream):
        got = []
        take(stream, got)
        return got

    return collected
