"""Widgets: the API to click. Each has a magic that does the same, and shows itself as text, too."""
