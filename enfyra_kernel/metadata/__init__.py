"""What has been defined: value types, the system tables, the Snapshot, the registry."""
