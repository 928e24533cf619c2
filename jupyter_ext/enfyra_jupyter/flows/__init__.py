"""Flows in notebooks: written in cells, drawn, and watched while they run."""
