"""Takes away what is on a page for its tests: words behind a block's language, hidden blocks."""

from __future__ import annotations

import re
from typing import Any

_FENCE = re.compile(r"^( *`{3,}[a-z]+) [^`\n]+$", re.MULTILINE)
_SETUP = re.compile(r"^<!-- setup\n.*?^-->\n", re.MULTILINE | re.DOTALL)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Give a page's text as it is shown."""
    return _FENCE.sub(r"\1", _SETUP.sub("", markdown))
