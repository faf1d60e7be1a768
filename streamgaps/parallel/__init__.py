"""The same run on several processes, or on a cluster: split, read, checked and put together in order."""
