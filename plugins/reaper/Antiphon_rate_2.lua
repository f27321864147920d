-- Rate the loops whose items are selected: 2 of 5.
dofile(debug.getinfo(1, "S").source:match("^@(.*[/\\])") .. "antiphon_reaper.lua").rate(2)
