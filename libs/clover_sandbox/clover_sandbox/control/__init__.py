"""The control API below /_sandbox: what a test or a person may ask of the sandbox and change in it."""
