"""All that has been defined, as one document: exported, compared with what is, and applied."""
