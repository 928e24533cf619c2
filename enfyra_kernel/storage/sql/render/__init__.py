"""Plans and commands into SQLAlchemy statements."""
