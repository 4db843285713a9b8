"""What belongs beside what, and what people like."""
