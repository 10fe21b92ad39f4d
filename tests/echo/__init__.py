"""Does the agent's own echo stop it? Calls over echoing paths, simulated frame by frame.

`python -m tests.echo` measures with the voice that is installed here."""
