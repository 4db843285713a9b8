"""People: accounts, the sellers they are, and the tokens their programs use."""
