"""What the office gets from a call: an invitation, a message to its own systems, a time in its
calendar, a summary."""
