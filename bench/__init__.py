"""What it costs, always as a ratio to the same work by hand, in the same run."""
