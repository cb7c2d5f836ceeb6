"""What a person or a model sees: modality LUT, VOI, presets, render (PS3.3 C.11 and PS3.4 N.2)."""

from hounsfield.display.modality import modality_values
from hounsfield.display.presets import PRESETS
from hounsfield.display.render import render, render_dataset
from hounsfield.display.voi import Window, file_windows

__all__ = ["PRESETS", "Window", "file_windows", "modality_values", "render", "render_dataset"]
