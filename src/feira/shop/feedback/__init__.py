"""What people did with answers: searches made, results looked at, results called right or wrong."""
