"""Is that a voice? A labelled set of telephone sound, and how well the detectors judge it.

`python -m tests.vad` measures on the half of the set that no constant was chosen on."""
