"""RLE Lossless, by pydicom and DCMTK."""

from __future__ import annotations

from generate.files import (
    RLE,
    dataset,
    dcmtk,
    file,
    picture,
    shaped,
    written,
)
from generate.registry import Case, cases


@cases("rle-pydicom-{}x{}", [(bits, samples) for bits in (8, 16) for samples in (1, 3)])
def rle_pydicom(bits: int, samples: int) -> Case:
    array = picture(bits, samples, 2)
    ds = dataset(array)
    ds.compress(RLE, encoding_plugin="pydicom", generate_instance_uid=False)
    return Case(RLE, written(ds), shaped(array))


@cases("rle-dcmtk-{}x{}", [(bits, samples) for bits in (8, 16, 32) for samples in (1, 3)])
def rle_dcmtk(bits: int, samples: int) -> Case:
    array = picture(bits, samples, 2)
    return Case(RLE, dcmtk("dcmcrle", [], file(array)), shaped(array))


@cases("rle-dcmtk-fragments")
def rle_fragments() -> Case:
    array = picture(16, 1, 2, rows=60, columns=60)
    return Case(RLE, dcmtk("dcmcrle", ["+fs", "1", "-ot"], file(array)), shaped(array))
