"""Every SQL statement on catalog's own tables, in files by subject."""
