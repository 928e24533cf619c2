"""How instances act as one: the bus, locks, leases, caches."""
