"""Plans as aggregation pipelines."""
