"""One request from context to response: routing, identity, policy, operation."""
