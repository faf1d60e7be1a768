"""The pipeline's stages, in the order of the data: read, validate, join, parse, count, classify, dedup, write.

Each is a plain generator that takes an iterator and gives one, and knows nothing of files or options.
"""
