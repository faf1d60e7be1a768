"""Tally -> document. Each report is a pure function."""
