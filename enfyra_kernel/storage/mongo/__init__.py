"""MongoDB behind the storage room's Protocol: aggregation pipelines through pymongo."""
