-- Variations of the loop whose items are selected.
dofile(debug.getinfo(1, "S").source:match("^@(.*[/\\])") .. "antiphon_reaper.lua").vary()
