-- A loop at the edit cursor or for the time selection, in the tempo of the project; its stems come in on tracks.
dofile(debug.getinfo(1, "S").source:match("^@(.*[/\\])") .. "antiphon_reaper.lua").generate()
