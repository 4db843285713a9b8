"""What the shop learned from its own data, and the gate that every learned part passes before it serves."""
