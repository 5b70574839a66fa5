"""The commands, one idea a file: each turns what was typed into a call of the package, and says what came of it."""
