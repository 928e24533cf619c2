"""YAML in cells, read as it is in files of definitions."""

from enfyra_kernel.definitions.files.yamls import NotYamlError, read_yaml

__all__ = ["NotYamlError", "read_yaml"]
