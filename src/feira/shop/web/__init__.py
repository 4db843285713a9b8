"""HTTP manners that every app shares: problem documents, cursors, request ids, logs, health."""
