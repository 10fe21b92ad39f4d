"""The schema, version by version, each a step that is never changed once it is released."""
