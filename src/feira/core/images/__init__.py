"""Photos as bytes and pixels: intake, orientation, colour, renditions."""
