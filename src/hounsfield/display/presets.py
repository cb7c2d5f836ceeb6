"""Windows by name, for CT: (center, width) in Hounsfield units."""

from collections.abc import Mapping
from types import MappingProxyType

from hounsfield.errors import OptionError

__all__ = ["PRESETS", "preset"]

# Abdomen, bone, brain and lung are this package's choice among those in use; the others are those of
# Radiopaedia's article "Windowing (CT)". Where that gives a range, a common value inside it stands here.
PRESETS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "abdomen": (40.0, 350.0),
        "angio": (300.0, 600.0),
        "bone": (300.0, 2000.0),
        "brain": (40.0, 80.0),
        "liver": (30.0, 150.0),
        "lung": (-600.0, 1500.0),
        "mediastinum": (50.0, 350.0),
        "pelvis": (40.0, 400.0),
        "soft_tissue": (50.0, 400.0),
        "spine": (50.0, 250.0),
        "spine_bone": (400.0, 1800.0),
        "stroke": (40.0, 40.0),
        "subdural": (80.0, 200.0),
        "temporal_bone": (600.0, 2800.0),
    }
)


def preset(name: str) -> tuple[float, float]:
    """Give the (center, width) of a preset; case does not matter, and a blank or a hyphen may stand for "_".

    Raises
    ------
    OptionError
        If there is none of that name.
    """
    try:
        return PRESETS[name.strip().lower().replace(" ", "_").replace("-", "_")]
    except KeyError:
        known = ", ".join(PRESETS)
        raise OptionError(f'window {name!r} is neither "auto" nor a preset; presets: {known}') from None
