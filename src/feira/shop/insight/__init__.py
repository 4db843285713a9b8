"""How the shop is doing, for its staff: queries, judgements, learned parts."""
