"""Images to series and volumes: `load_series` and `load_volume`."""

from hounsfield.volumes.loading import load_series, load_volume
from hounsfield.volumes.problems import LeftOut, Problem
from hounsfield.volumes.volume import Series, SeriesList, Volume

__all__ = ["LeftOut", "Problem", "Series", "SeriesList", "Volume", "load_series", "load_volume"]
