"""Stands before the real one, and is not there.

jsonschema imports it where it can, for whoever has IRIs checked, which nobody here does. Reading
its forty grammars takes longer than all other imports of a Jupyter Server together.
"""

raise ImportError("the tests do without it")
