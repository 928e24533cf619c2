"""Takes the words behind a code block's language away, which are for the tests of the pages."""

from __future__ import annotations

import re
from typing import Any

_FENCE = re.compile(r"^( *`{3,}[a-z]+) [^`\n]+$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Give a page's text with bare languages."""
    return _FENCE.sub(r"\1", markdown)
