"""The trust tests: one file a goal, with its size, its seed, and the guards whose absence it must notice."""
