"""Blocks of bytes -> items of JSON, by blocks with msgspec, or event by event with ijson.

`stages/read.py` chooses the way.
"""
