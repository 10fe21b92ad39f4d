"""Local servers that speak the wire of the cloud services, scripted: `kav doubles`.

They stand in for Google and OpenAI where these cannot be reached, and break when told to. What
they answer is written in a script: nothing here recognizes, speaks or thinks."""
