"""Facts about a record that other tables hold, loaded for a whole batch in a bounded number of queries."""
