"""Files, folders, pipes and URLs -> blocks of bytes, decompressed."""
