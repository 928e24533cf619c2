"""From definitions to the physical schema: edit, diff, preview, apply, lock, journal."""
