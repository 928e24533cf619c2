"""Settings: environment variables and a .env file, checked whole before anything starts."""

from .model import Settings, names_of_fields, variables

__all__ = ["Settings", "names_of_fields", "variables"]
