"""A text -> yes, no, neither, both: the rules by their names, and the final answer of a reasoning model."""
