"""Adopting tables that somebody else made: they get definitions, and stay as they are.

Pure: from a description of the physical tables to definitions. Nothing physical changes.
"""

from .adopter import Adopter
from .report import Report, report_of
from .selection import Selection

__all__ = ["Adopter", "Report", "Selection", "report_of"]
