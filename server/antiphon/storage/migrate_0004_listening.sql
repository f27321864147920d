-- What a rating and a step of the audition look up must not take longer the longer the server has been in use.
CREATE INDEX exposure_of_client ON exposure (client, sequence);
CREATE INDEX play_of_candidate ON play (candidate_id, client);
