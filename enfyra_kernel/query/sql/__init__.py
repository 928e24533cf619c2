"""SQL that people write: what of it is let through to the database, and in which words.

Nothing here runs anything. A statement is read, bound to what may be read, written anew, and what
was written is looked through word by word: a word that is not known keeps it out.
"""
