"""Plans evaluated in memory: what every database must answer, and what live queries go by."""

from .answer import Answer, evaluate
from .conditions import Holds, condition
from .rows import RelatedRows, Row, Rows

__all__ = ["Answer", "Holds", "RelatedRows", "Row", "Rows", "condition", "evaluate"]
