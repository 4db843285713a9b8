"""What is for sale: categories, attributes, listings, and their import."""
