"""User code: scripts, the processes they run in, and what they may ask the host for."""
