"""The workflow engine: definitions from YAML, rules by name, one decision; it knows no programme and no framework."""
