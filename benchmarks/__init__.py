"""Seeded data, the same job done in many ways, and what each takes: time, CPU and memory."""
