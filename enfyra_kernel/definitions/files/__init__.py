"""Documents of definitions as folders of files, for people and for git."""
