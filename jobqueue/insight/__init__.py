"""What people want to know of their jobs, bounded however many there are: nothing here counts a whole table."""
