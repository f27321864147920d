"""Figures that percussion plays, as drum tabs (`generation.tab`) for each meter that styles write tabs for.

Written from what players of these instruments learn first: the tumbao of the congas and the martillo of the bongos, son
and bossa nova clave, the bell of West African 12/8, the shaker's sixteenths and the tambourine's backbeat.
"""

from __future__ import annotations

from collections.abc import Mapping

from antiphon.generation.tab import TAB_STEPS, TabLine, parse_tab

#: Per meter and instrument, the line and the one that may stand in the phrase's last bar (here the same).
Figure = Mapping[str, Mapping[str, tuple[TabLine, ...]]]


def _figure(**meters: dict[str, str]) -> Figure:
    """Meters are written `four`, `three`, `six`: a bar of 4/4, 3/4, 6/8."""
    names = {"four": "4/4", "three": "3/4", "six": "6/8"}
    return {
        names[meter]: {drum: (parse_tab(tab, TAB_STEPS[names[meter]]),) * 2 for drum, tab in lines.items()}
        for meter, lines in meters.items()
    }


#: The figures of each behaviour; a loop plays one of them.
FIGURES: Mapping[str, tuple[Figure, ...]] = {
    "shaker": (
        _figure(four={"shaker": "xoXoxoXoxoXoxoXo"}, three={"shaker": "xoXoxoXoxoXo"}, six={"shaker": "XoxoxoXoxoxo"}),
        _figure(four={"shaker": "o.X.o.X.o.X.o.X."}, three={"shaker": "o.X.o.X.o.X."}, six={"shaker": "X.o.o.X.o.o."}),
        _figure(four={"cabasa": "x.ox.ox.x.ox.ox."}, three={"cabasa": "x.ox.ox.x.o."}, six={"cabasa": "x.o.x.o.x.o."}),
        _figure(
            four={"tambourine": "5.o.X.o.5.o.X.o."}, three={"tambourine": "o.o.X.o.X.o."},
            six={"tambourine": "o.o.o.X.o.o."},
        ),
    ),
    "congas": (
        _figure(
            four={"muted_conga": "o.o.X.o.o.o.....", "conga": "............X.x.",
                  "low_conga": "................|......5........."},
            three={"muted_conga": "o.o.X.o.....", "conga": "........X.x.", "low_conga": "............|......5....."},
            six={"muted_conga": "o.x...o.x...", "conga": "....x.....xx", "low_conga": "............|......5....."},
        ),
        _figure(
            four={"conga": "...x..x....x..x.", "low_conga": "..........5.....|......?.......5.",
                  "muted_conga": "o.o.....o.o.o..."},
            three={"conga": "...x..x...x.", "low_conga": "........5...", "muted_conga": "o.o.....o..."},
            six={"conga": "..x...x.x...", "low_conga": "....5.....5.", "muted_conga": "o.....o....."},
        ),
        _figure(
            four={"high_bongo": "X.o.x.o.X.o.....", "low_bongo": "............X.o?"},
            three={"high_bongo": "X.o.x.o.....", "low_bongo": "........X.o?"},
            six={"high_bongo": "X.o.o.......", "low_bongo": "......X.o.o?"},
        ),
    ),
    "bells": (
        _figure(four={"claves": "X..x..x...x.x..."}, three={"claves": "X..x..x.x..."}, six={"claves": "x.x.xx.x.x.x"}),
        _figure(
            four={"woodblock": "X..x..x...x..x.."}, three={"woodblock": "X.....x.x..."},
            six={"woodblock": "x.x.x..x.x.x"},
        ),
        _figure(
            four={"agogo": "x.x.o.xx.o.x.xo."}, three={"agogo": "x.x.o.xx.o.."}, six={"agogo": "x.x.xx.x.x.x"}
        ),
        _figure(
            four={"timbale": "x.o.xo.x.oxo.x.o", "agogo": "....5.......5..."},
            three={"timbale": "x.o.xo.x.ox."}, six={"timbale": "x.oxo.x.oxo."},
        ),
    ),
    "sparse": (
        _figure(
            four={"triangle": "..........x.....|................"}, three={"triangle": "......x.....|............"},
            six={"triangle": "..........x.|............"},
        ),
        _figure(
            four={"woodblock": "..............x.|......x........."},
            three={"woodblock": "..........x.|............"}, six={"woodblock": "..........x.|....x......."},
        ),
        _figure(
            four={"high_bongo": "..........x.....|..........x...o.", "low_conga": "..x.............|............?..."},
            three={"high_bongo": "..x.........|......x...o."}, six={"high_bongo": "....x.......|....x...o..."},
        ),
        _figure(
            four={"guiro": "x...o.o.........|................"}, three={"guiro": "x...o.o.....|............"},
            six={"guiro": "x...o.......|............"},
        ),
    ),
}  # fmt: skip
