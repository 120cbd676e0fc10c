"""The names by which the fonts of the documents go, on both sides of the press."""

BODY_FONT, NAME_FONT = "Noto Serif CJK SC", "LXGW WenKai"
# Each family of the style sheets, and under which names it was cut: its everyday characters, and those after them.
CUTS = {
    BODY_FONT: ("Edu Pilot Song", "Edu Pilot Song Second"),
    NAME_FONT: ("Edu Pilot Kai", "Edu Pilot Kai Second"),
}
# With the cut fonts alone, and with those of the system beside them.
CONFIGURATION, WHOLE_CONFIGURATION = "fonts.conf", "whole.conf"
# The fonts a document is set in: the whole ones alone, the cut ones alone, both.
SYSTEM, EVERYDAY, WHOLE = "system", "everyday", "whole"
