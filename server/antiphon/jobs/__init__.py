"""Work that was acknowledged and will be done: the ledger, the worker process and its supervisor."""
