"""Search: spaces of parameters, trials in many processes, a ledger of them that survives a kill."""
