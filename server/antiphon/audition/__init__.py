"""Hearing the current loop from the server itself (`antiphon serve --play`): in time, changed on the bar."""
