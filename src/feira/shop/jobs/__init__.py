"""Work that is never lost: a ledger of jobs in the database, and brokers that only carry their numbers."""
