"""What a frame costs, and what a bridge in a process of its own does under calls: `make bench`."""
