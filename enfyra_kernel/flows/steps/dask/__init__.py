"""Steps on a cluster of Dask: what asks for a place there, and what runs on its workers."""
