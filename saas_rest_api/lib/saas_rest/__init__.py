"""The parts of the REST layer that need no database: problems, grammar, formats."""
