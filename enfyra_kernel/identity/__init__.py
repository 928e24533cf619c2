"""Who is calling: passwords, tokens, sessions."""
