"""The API below `{base_url}enfyra/` of a Jupyter Server."""
