"""Every page there is: the list comes from the URL map, so that a new page cannot be forgotten."""
