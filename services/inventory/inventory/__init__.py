"""The stock ledger and Clover's counts."""
