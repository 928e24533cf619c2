"""Numbers that are round: what axes and histograms are parted by."""

from __future__ import annotations

import math
from typing import Any


def round_up(width: float) -> Any:
    """Give the next 1, 2 or 5 of some power of ten; a whole number as an integer.

    Example:
        >>> round_up(3.2), round_up(0.013), round_up(600)
        (5, 0.02, 1000)
    """
    power = math.floor(math.log10(width))
    for factor in (1, 2, 5):
        if factor * 10.0**power >= width:
            break
    else:
        factor, power = 1, power + 1
    return factor * 10**power if power >= 0 else round(factor * 10.0**power, -power)
