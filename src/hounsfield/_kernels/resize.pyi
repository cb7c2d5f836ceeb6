from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer

__all__ = ["resize"]

def resize(samples: Buffer | npt.NDArray[Any], out: npt.NDArray[np.float32]) -> None: ...
