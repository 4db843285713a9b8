"""What the browser gets: shared templates, our styles and scripts, and the vendor files that the build hook brings."""
