"""The two commands. Glue only: what they do, one call of the library can do."""
