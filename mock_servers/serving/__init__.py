"""What all mock servers share: an engine on the wall clock, HTTP around it, and the process."""
