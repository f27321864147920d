"""Songs that people bring along, as files: which may be read, and which were uploaded. Nothing is decoded."""
