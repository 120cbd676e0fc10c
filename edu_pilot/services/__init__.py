"""What the programme does: one function per verb, called by pages, API, command line and worker."""
