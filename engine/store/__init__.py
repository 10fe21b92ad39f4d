"""What outlives a call. Here: a booked meeting, and the port through which a brain books.

The database is in `engine.store.opening`, imported only where one is opened."""

from engine.store.appointment import (
    MAIN,
    Appointment,
    Appointments,
    Calendar,
    SlotTaken,
    StoreBroken,
    StoreFailed,
)

__all__ = [
    "MAIN",
    "Appointment",
    "Appointments",
    "Calendar",
    "SlotTaken",
    "StoreBroken",
    "StoreFailed",
]
