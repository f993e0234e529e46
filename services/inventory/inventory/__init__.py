"""The stock ledger, kept equal to the counts in Clover."""
