"""The commands of the command line, by what they are about; each module offers its own as `commands`."""
