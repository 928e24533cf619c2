"""The bodies that records are loaded from: each format has a module that reads it."""
