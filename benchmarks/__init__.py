"""Seeded data, and what streamgaps takes to read it."""
