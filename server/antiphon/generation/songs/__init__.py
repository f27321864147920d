"""Songs that people bring along, heard: decoded, tempo, beats and key found, bars laid onto a loop's circle."""
