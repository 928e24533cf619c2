"""The channels of the bus, by their documented names."""

from __future__ import annotations

# Tables, columns, relations, rules, settings.
METADATA = "enfyra:metadata-cache-sync"
# Routes, hooks, handlers, permissions, guards.
ROUTES = "enfyra:route-cache-sync"
PACKAGES = "enfyra:package-cache-sync"
STORAGE_CONFIG = "enfyra:storage-config-cache-sync"
AI_CONFIG = "enfyra:ai-config-cache-sync"
BOOTSTRAP_SCRIPTS = "enfyra:bootstrap-script-reload"
SESSIONS = "enfyra:session-revoked"
WRITES = "enfyra:record-written"
# Jobs that somebody else may run at once.
JOBS = "enfyra:job-waiting"
# One who could not send something can again.
GAPS = "enfyra:gap"
