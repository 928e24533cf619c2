"""The Tornado server: one application, mounted stand-alone or in a Jupyter Server."""
