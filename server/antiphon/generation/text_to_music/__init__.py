"""Pretrained text-to-music models behind the Backend seam, for users who have their weights.

Stable Audio Open, Stable Audio 3, ACE-Step 1.5 and AudioLDM 2 through diffusers, MusicGen through transformers. They
are told in words what to play, a stem at a time; what they play is cut, stretched and closed to a loop of the exact
length. `families` says which can do what, `weights` finds and examines folders; neither loads torch.
"""
