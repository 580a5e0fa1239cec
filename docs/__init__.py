"""The documents, and the commands that write their tables and take their pictures."""
