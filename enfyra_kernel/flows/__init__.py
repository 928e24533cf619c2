"""Flows: work in steps that outlives a request, run once wherever it was set off."""
