"""A results folder, or a run -> one page of HTML."""
