"""How loud our own echo may be in what comes from the caller."""


class Echo:
    def expect(self, played: int, heard: int) -> float:
        return 0.0
