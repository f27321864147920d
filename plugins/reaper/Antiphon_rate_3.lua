-- Rate the loops whose items are selected: 3 of 5.
dofile(debug.getinfo(1, "S").source:match("^@(.*[/\\])") .. "antiphon_reaper.lua").rate(3)
