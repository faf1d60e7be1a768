"""Several runs -> what changed between them, record by record."""
