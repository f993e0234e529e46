"""The SQL of inventory, by table and subject."""
