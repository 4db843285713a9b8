"""What people look for in the made-up catalogue."""

WORDS = ("striped mug", "blue dress", "lamp", "red chair", "wooden bowl", "handmade vase", "green hat", "spotted bag")
