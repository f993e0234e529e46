"""The live feed: one hub per process, and the streams that read from it."""
