"""Reading files and records that a stranger may have written, within bounds."""
